"""Muon for networks of convolutions."""

from typing import Any

import keras
from keras import ops


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon, with the kernel of a convolution taken as the matrix from its inputs to its outputs.

    Each update is the nearest orthogonal matrix to the gradient's running mean, so that every
    direction moves as far, also those in which the gradient is small. (K. Jordan et al., "Muon",
    2024; scaled to the size of Adam's updates as in J. Liu et al., "Muon is Scalable for LLM
    Training", 2025.) Keras's own leaves kernels to Adam, as it does biases here.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 2

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign(m, self.momentum * m + gradient)
        ahead = gradient + self.momentum * m
        matrix = ops.reshape(ahead, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * ops.reshape(update, variable.shape))
