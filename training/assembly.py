"""Assemble what is trained: a network, its averaged twin, and the model around it."""

from typing import Any

import keras

from app.inference.engines.bfloat16 import rewrite_graphs
from training.anatomy import anatomy
from training.architectures import build
from training.casts import SIDE
from training.checkpoint import load_network
from training.errors import TrainingError
from training.experiment import Experiment, Schedule
from training.losses import Objective
from training.muon import ConvolutionMuon
from training.noise.layer import AddNoise
from training.schedule import Trapezoid
from training.teachers import Teachers


def networks(experiment: Experiment) -> tuple[Any, Any]:
    """Return the network that learns, and its float32 twin, which receives the averaged weights and
    is saved.
    """
    policy = use_precision(experiment.schedule.precision)
    keras.utils.set_random_seed(experiment.seed)
    network = build(experiment.architecture, experiment.options, policy)
    twin = build(experiment.architecture, experiment.options)
    patch, stride = experiment.data.patch, anatomy(twin).stride
    if patch % stride:
        raise TrainingError(f"data.patch is {patch}: the network takes multiples of {stride}")
    if experiment.noise.camera and patch % SIDE:
        raise TrainingError(f"data.patch is {patch}: camera noise takes multiples of {SIDE}")
    if experiment.data.whole and len(experiment.noise.families) > 1:
        raise TrainingError("data.whole takes one family of noise")
    return network, twin


def trainable(network: Any, experiment: Experiment, channels: int) -> Any:
    """Return the model to train: the network behind a noise layer, which is not saved."""
    schedule, side = experiment.schedule, experiment.data.patch
    count = None if experiment.data.whole else schedule.batch
    patches = keras.Input(batch_shape=(count, side, side, channels))
    noisy, target = AddNoise(experiment.noise, seed=experiment.seed, count=count)(patches)
    outputs, share = [network(noisy), target], 0.0
    if experiment.distillation:
        teachers = [load_network(path) for path in experiment.distillation.teachers]
        outputs.append(Teachers(teachers, seed=experiment.seed)(noisy, target))
        share = experiment.distillation.share
    together = keras.layers.Concatenate(dtype="float32")(outputs)
    model = keras.Model(patches, together)
    optimizer = _optimizer(schedule)
    objective = Objective(experiment.loss, share)
    model.compile(
        optimizer=optimizer,
        loss=objective.loss,
        metrics=[objective.psnr],
        # XLA is no faster than TensorFlow's CPU kernels, and JAX has nothing else.
        jit_compile=keras.backend.backend() == "jax",
    )
    optimizer.build(model.trainable_variables)
    return model


def _optimizer(schedule: Schedule) -> Any:
    options = {
        "use_ema": schedule.ema > 0,
        "ema_momentum": schedule.ema,
        "clipnorm": schedule.clip or None,
    }
    if schedule.optimizer == "adam":
        return keras.optimizers.Adam(Trapezoid(schedule), **options)
    undecayed = {"weight_decay": None, "adam_weight_decay": None}
    return ConvolutionMuon(Trapezoid(schedule), **undecayed, **options)


def use_precision(precision: str) -> str:
    """Return the dtype policy for a precision, by the fastest way to bfloat16 on the backend.

    On CPUs with TensorFlow, oneDNN's graph rewrite is faster than Keras's mixed policy; it is
    enabled here for the whole process, and the policy is float32.
    """
    if precision == "mixed_bfloat16" and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            rewrite_graphs(True)
            return "float32"
    return precision
