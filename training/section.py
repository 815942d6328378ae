"""A part of an experiment file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Immutable values; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
