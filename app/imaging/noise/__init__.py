"""The noise models: what `/noise` adds, and what models are measured with."""

from app.imaging.noise.add import add_noise
from app.imaging.noise.kinds import ChannelMode, NoiseKind

__all__ = ["ChannelMode", "NoiseKind", "add_noise"]
