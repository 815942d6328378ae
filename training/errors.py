"""The error of this package."""


class TrainingError(Exception):
    """Something that the user can correct; the message says what, and where."""
