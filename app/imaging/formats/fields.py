"""Headers of text, a field a line, as MetaImage and NRRD have them."""

import re

from app.imaging.picture import MODALITY, UnreadableImage

MAX_LENGTH = 1 << 20
"""Maximum bytes of a header; those of sequences describe every frame."""

REAL = r"(?i:nan|[+-]?(?:inf(?:inity)?|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?))"
"""The pattern of a number."""

_MODALITIES = {f"MET_MOD_{code}": code for code in ("CT", "MR", "NM", "US")} | {"DWMRI": "MR"}


class Fields(dict[str, str]):
    """The values of the fields of a header by name, in lower case and without spaces.

    `pattern` finds the names and the values of known fields in lines.
    """

    def __init__(self, title: str, pattern: re.Pattern[bytes], header: bytes) -> None:
        """Find the fields; raises UnreadableImage if one is there twice."""
        super().__init__()
        self.title = title
        for name, value in pattern.findall(header):
            key = b"".join(name.lower().split()).decode("latin-1")
            if key in self:
                raise UnreadableImage(f"The {title} image has two fields {key}.")
            self[key] = value.decode("latin-1").strip()

    def integers(self, name: str, count: int) -> list[int]:
        """Return as many numbers from 0 on."""
        return [int(word) for word in self._words(name, count, r"\d{1,18}")]

    def reals(self, name: str, count: int) -> list[float]:
        """Return as many numbers; they may be infinite, or none."""
        return [float(word) for word in self._words(name, count, REAL)]

    def is_true(self, name: str) -> bool:
        """Return whether a field is there, and says so."""
        return self.get(name, "")[:1] in ("T", "t", "1")

    def _words(self, name: str, count: int, pattern: str) -> list[str]:
        words = self.get(name, "").split()
        if len(words) != count or not all(re.fullmatch(pattern, word) for word in words):
            raise self.senseless(name)
        return words

    def senseless(self, name: str) -> UnreadableImage:
        """Return the error for a field."""
        return UnreadableImage(f"The {self.title} image has a field {name} that makes no sense.")


def modality_of(pattern: re.Pattern[bytes], header: bytes) -> str:
    """Return the kind of scanner, as the lines of a header that a pattern finds name it; or ""."""
    said = [value.decode("latin-1").strip() for value in pattern.findall(header)]
    codes = [_MODALITIES.get(each, each) for each in said]
    return next((code for code in codes if re.fullmatch(MODALITY, code)), "")
