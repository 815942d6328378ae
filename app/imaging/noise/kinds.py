"""The kinds of noise, by the names that callers use."""

from enum import StrEnum


class NoiseKind(StrEnum):
    """What a camera, a scanner or a channel adds to an image; each entry defines `factor`."""

    CAMERA = "camera"
    """The noise that cameras leave in their images; `factor` is its overall standard deviation."""
    GRAIN = "grain"
    """Film grain, the same in all channels; `factor` is its overall standard deviation."""
    GAUSSIAN = "gaussian"
    """x + factor * N(0, 1)"""
    POISSON = "poisson"
    """Shot noise of 1 / factor^2 photons at white: its standard deviation is factor * sqrt(x)."""
    RICIAN = "rician"
    """The magnitude of a complex signal with N(0, factor^2) in both parts, as in MRI."""
    SPECKLE = "speckle"
    """x + x * factor * N(0, 1), as in ultrasound and radar"""
    SALT_PEPPER = "salt-pepper"
    """A share `factor` of the pixels is replaced, half by black and half by white."""


class ChannelMode(StrEnum):
    """Whether each colour channel has noise of its own or all share one plane."""

    INDEPENDENT = "independent"
    SHARED = "shared"
