"""A part of an experiment file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Values that cannot change, and none beside those that are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)
