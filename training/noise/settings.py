"""The section of an experiment that defines which noise is drawn, and how often."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from training.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Sigmas = tuple[Annotated[float, Field(ge=0, le=255)], Annotated[float, Field(ge=0, le=255)]]
Positive = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
Quality = Annotated[float, Field(ge=1, le=100)]


class White(Section):
    """White Gaussian noise and its variants; standard deviations are on the 0..255 scale."""

    share: float = Field(0.54, gt=0, description="of the patches, relative to other families")
    low: Sigmas = (0.0, 55.0)
    high: Sigmas = (55.0, 115.0)
    high_share: Share = Field(0.33, description="patches with a sigma from `high`")
    clean_share: Share = Field(0.08, description="patches without noise")
    clipped: Share = Field(0.7, description="share clipped and rounded to 8 bits")
    shared: Share = Field(0.1, description="colour patches with one noise plane")
    rician: Share = Field(0.15, description="share of grey patches with Rician noise")
    impulse: Share = Field(0.05, description="share with salt and pepper instead")
    fixed: bool = Field(False, description="one plane, drawn once, for every patch: the article's")

    def __str__(self) -> str:
        ranges = ((self.low, 1 - self.high_share), (self.high, self.high_share))
        sigmas = " and ".join(
            f"{low:g}" if low == high else f"{low:g} to {high:g}"
            for (low, high), share in ranges
            if share
        )
        shares = {
            "without noise": self.clean_share,
            "clipped and rounded to 8 bits": self.clipped,
            "the same in all channels": self.shared,
            "of grey ones Rician": self.rician,
            "salt and pepper": self.impulse,
        }
        return ", ".join(
            [
                f"Gaussian, sigma {sigmas} on the 0..255 scale",
                *(f"{share:.0%} {what}" for what, share in shares.items() if share),
                *(["one pattern for all images"] if self.fixed else []),
            ]
        )


class Camera(Section):
    """Noise as it remains in images of cameras and phones; standard deviations are on the 0..255
    scale.
    """

    share: float = Field(0.46, gt=0, description="of the patches, relative to other families")
    sensor: Share = Field(0.6, description="through a sensor's mosaic; the rest is drawn in sRGB")
    shot: Positive = Field((5e-5, 0.012), description="variance of a sensor at white, log-uniform")
    slope: Positive = Field((1.0, 40.0), description="sRGB noise that goes with brightness")
    offset: Positive = Field((0.5, 25.0), description="sRGB noise that does not")
    grain: Share = Field(0.25, description="film grain instead of either, in luma alone")
    grain_sigma: Positive = Field((2.0, 28.0), description="of grain at mid grey, log-uniform")
    smoothed: Share = Field(0.9, description="share with the camera's own noise reduction")
    coarse: Share = Field(0.6, description="of these, as coarse as most cameras' JPEGs")
    low_chroma: Share = Field(0.35, description="of these, hardly any chroma left")
    lines: Share = Field(0.08, description="share with rows of their own level")
    clean_share: Share = Field(0.08, description="patches without noise")
    keep_casts: bool = Field(True, description="targets keep the local mean of the noise")
    jpeg: Share = Field(0.6, description="share stored as JPEG")
    quality: tuple[Quality, Quality] = Field((30.0, 98.0), description="of JPEG")
    rounded: Share = Field(0.9, description="share rounded to 8 bits")

    def __str__(self) -> str:
        shares = {
            "sensor noise": self.sensor * (1 - self.grain),
            "film grain": self.grain,
            "smoothed in the camera": self.smoothed * (1 - self.grain),
            "as coarse as most cameras' JPEGs": self.smoothed * self.coarse * (1 - self.grain),
            "without noise": self.clean_share,
            "JPEG of quality {:g} to {:g}".format(*self.quality): self.jpeg,
        }
        words = (f"{share:.0%} {what}" for what, share in shares.items() if share)
        return ", ".join(["of cameras", *words])


class Shot(Section):
    """The noise of the noisy shots in pairs, to which none is added."""

    share: float = Field(1.0, gt=0, description="of the patches, relative to other families")

    def __str__(self) -> str:
        return "as shot"


class Noise(Section):
    """The families of noise in a batch; white and camera noise unless any are named.

    Folders of pairs add the family `shot`; if all folders are pairs, it is the only one.
    """

    FAMILIES: ClassVar[tuple[str, ...]] = ("white", "camera", "shot")
    white: White | None = None
    camera: Camera | None = None
    shot: Shot | None = None

    @model_validator(mode="before")
    @classmethod
    def _all_unless_named(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values:
            return {"white": {}, "camera": {}}
        return values

    @property
    def families(self) -> dict[str, White | Camera | Shot]:
        """The families that are drawn, in their order within a batch."""
        every = {name: getattr(self, name) for name in self.FAMILIES}
        return {name: family for name, family in every.items() if family is not None}

    def counts(self, batch: int) -> dict[str, int]:
        """Return how many patches of a batch are of each family, by the method of largest
        remainders.

        >>> Noise().counts(16) {'white': 9, 'camera': 7}
        """
        total = sum(family.share for family in self.families.values())
        exact = {name: batch * f.share / total for name, f in self.families.items()}
        counts = {name: int(value) for name, value in exact.items()}
        by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
        for name in by_remainder[: batch - sum(counts.values())]:
            counts[name] += 1
        return counts

    def __str__(self) -> str:
        families = self.families
        if len(families) == 1:
            return str(*families.values())
        total = sum(family.share for family in families.values())
        return "; ".join(f"{f.share / total:.0%} {f}" for f in families.values())
