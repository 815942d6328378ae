"""Sections of an experiment file."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import TrainingError

S = TypeVar("S", bound=BaseModel)


class Section(BaseModel):
    """Immutable values; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def checked(kind: type[S], values: Mapping[str, Any], where: str) -> S:
    """Return `values` as a section; raise TrainingError that says what is wrong, and `where`."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise TrainingError(f"{where}: {'; '.join(problems)}") from error
