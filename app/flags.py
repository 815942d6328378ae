"""Flags of a command, one for each field of a pydantic model."""

import argparse
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel


def add_flags(parser: argparse.ArgumentParser, options: type[BaseModel]) -> None:
    """Add a flag for each field; the model checks the values."""
    for name, field in options.model_fields.items():
        default = "" if field.default in (None, ()) else f" [{field.default}]"
        choices = ", ".join(_choices(field.annotation))
        listed = f" One of {choices}." if choices else ""
        description = f"{field.description}{listed}{default}".replace("%", "%%")
        parser.add_argument(flag(name), dest=name, metavar=name.upper(), help=description)


def flag(name: str) -> str:
    """Return the flag of a field."""
    return f"--{name.replace('_', '-')}"


def _choices(annotation: Any) -> list[str]:
    """Return the values that a field may have, if they are listed."""
    if get_origin(annotation) is Literal:
        return list(map(str, get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)
    return [choice for part in get_args(annotation) for choice in _choices(part)]
