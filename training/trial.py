"""Trials: the images that models are evaluated on, and their noise."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from app.imaging.noise import NoiseKind
from app.imaging.orientation import EnsembleChoice
from training.graphics import MEASURED, Subject
from training.section import Section
from training.split import Split
from training.texture import Part

Sigma = Annotated[float, Field(ge=0, le=255)]


class Trial(Section):
    """A set of images to evaluate models on, and the noise to add to them.

    The images are those of a folder, drawn graphics, or pairs of files, which have noise of their
    own.
    """

    dataset: str = Field(description="its name in tables")
    path: str = "."
    only: tuple[str, ...] = Field((), description="names of the files to take; all by default")
    noisy: str | None = Field(None, description="of pairs: folder or pattern, below `path` ...")
    clean: str | None = Field(None, description="... and that of their clean partners")
    drawn: PositiveInt | None = Field(None, description="this many drawn graphics instead of files")
    subjects: tuple[Subject, ...] = Field(MEASURED, min_length=1, description="of what is drawn")
    sigmas: tuple[Sigma, ...] = Field((25.0,), min_length=1, description="0..255 scale")
    protocol: Literal["published", "service"] = Field(
        "service",
        description="published: the noisy values as they are; "
        "service: clipped to [0, 1] and rounded to 8 bits, as images arrive",
    )
    kind: NoiseKind = NoiseKind.GAUSSIAN
    part: Part | None = Field(None, description="noise in luma alone, or in chroma alone")
    blur: float = Field(0.0, ge=0, le=16, description="of the noise, in pixels; its sigma is kept")
    enlarged: int = Field(
        1, ge=1, le=8, description="noise drawn this much smaller, then enlarged (bicubic)"
    )
    jpeg: int | None = Field(None, ge=1, le=100, description="quality of a JPEG, after the noise")
    shared: bool = Field(False, description="one noise plane for all channels")
    fresh: bool = Field(False, description="other noise for every image, not seed 0 for each")
    grey: bool = Field(False, description="images turned grey")
    square: PositiveInt | None = Field(None, description="squeeze to this many pixels a side")
    split: Split = Field("groups", description="near-duplicates on one side, or file by file")
    test_share: float = Field(0.0, ge=0, lt=1, description="measure on the held-out part; 0: all")
    ensemble: EnsembleChoice = Field(
        1, description="the mean of the results in this many orientations of an image"
    )
    limit: PositiveInt | None = Field(None, description="only the first images, up to this many")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.noisy is None) != (self.clean is None):
            raise ValueError("pairs need both noisy and clean")
        unused = self._changed(
            *(_MADE if self.noisy else ()),
            *(_FOLDERS if self.noisy or self.drawn else ()),
            *(() if self.drawn else ("subjects",)),
            *(() if self.kind is NoiseKind.GAUSSIAN else ("part", "blur", "enlarged")),
        )
        if unused:
            source = "pairs" if self.noisy else "drawn" if self.drawn else f"{self.kind.value}"
            raise ValueError(f"{', '.join(unused)}: of no use with {source}")
        if self.protocol == "published" and self._changed("jpeg"):
            raise ValueError("jpeg needs the service protocol: it holds 8 bits")
        if self.part == "chroma" and (self.grey or self.shared):
            raise ValueError("noise in chroma alone needs colour, and a plane for each channel")
        return self

    def _changed(self, *names: str) -> list[str]:
        """Return which of these fields differ from their defaults."""
        return [n for n in names if getattr(self, n) != type(self).model_fields[n].default]

    @property
    def levels(self) -> tuple[float, ...]:
        """The sigmas to evaluate at; a single 0 for pairs, to which no noise is added."""
        return (0.0,) if self.noisy else self.sigmas

    def __str__(self) -> str:
        """Return the protocol as tables state it: everything except the data set and the sigma."""
        return ", ".join(
            [
                *(["pairs of noisy and clean shots"] if self.noisy else self._noise_in_words()),
                *(["grey"] if self.grey else []),
                *([f"{self.square}x{self.square}"] if self.square else []),
                *([f"{self.test_share:.0%} held out, by {self.split}"] if self.test_share else []),
                *([" and ".join(self.subjects)] if self._changed("subjects") else []),
                *([f"mean of {self.ensemble} orientations"] if self.ensemble > 1 else []),
                *([f"first {self.limit} images"] if self.limit else []),
            ]
        )

    def _noise_in_words(self) -> list[str]:
        words = {"published": "noise not clipped", "service": "clipped and rounded to 8 bits"}
        texture = [
            *([f"in {self.part} alone"] if self.part else []),
            *([f"blurred by {self.blur:g} px"] if self.blur else []),
            *([f"enlarged {self.enlarged} times"] if self.enlarged > 1 else []),
        ]
        made = [
            *([self.kind.value] if self.kind is not NoiseKind.GAUSSIAN else []),
            *([f"noise {', '.join(texture)}"] if texture else []),
            words[self.protocol],
        ]
        return [
            *(made if any(self.sigmas) else ["clean"]),
            *([f"then JPEG {self.jpeg} (4:2:0)"] if self.jpeg else []),
            *(["one noise plane for all channels"] if self.shared else []),
            *(["fresh noise for every image"] if self.fresh else []),
        ]


_MADE = (
    *("drawn", "sigmas", "protocol", "kind", "part", "blur", "enlarged", "jpeg"),
    *("shared", "fresh"),
)
"""The fields of a trial that define how noise is made."""

_FOLDERS = ("only", "test_share", "split")
"""The fields of a trial that choose files of a folder."""
