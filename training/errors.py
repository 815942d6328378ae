"""The one error of this package."""


class TrainingError(Exception):
    """Something that whoever started the command can mend; the message says what, and where."""
