"""The kinds of noise that `/noise` adds, and that models are evaluated with."""

from app.imaging.noise.add import add_noise, noisy_picture
from app.imaging.noise.kinds import ChannelMode, NoiseKind

__all__ = ["ChannelMode", "NoiseKind", "add_noise", "noisy_picture"]
