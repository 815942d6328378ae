"""The error of this package."""


class TrainingError(Exception):
    """An error that the user can correct; the message says what is wrong, and where."""
