"""The options of the client are those of the service."""

from enum import StrEnum
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from app.service.options import DenoiseOptions, NoiseOptions
from denoiser_client import options


def choices(annotation):
    """The values that a type lists, in literals and enumerations."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return set(map(str, annotation))
    return set().union(*map(choices, get_args(annotation)))


@pytest.mark.parametrize("service", [DenoiseOptions, NoiseOptions])
def test_the_client_has_every_option_and_choice(service):
    client = get_type_hints(getattr(options, service.__name__))
    fields = service.model_fields
    assert client.keys() == fields.keys()
    for name, field in fields.items():
        assert choices(client[name]) == choices(field.annotation), name
