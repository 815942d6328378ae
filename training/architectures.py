"""The networks, each a plain function of Keras layers: images [n, h, w, 3] in [0, 1] to the same.

Only stock layers and convolutions: a saved network loads without any of our code, runs on pictures
of any size that is a multiple of its `stride`, and gives the same pixels whether a picture is cut
into overlapping tiles or not.
"""

from collections.abc import Callable

import keras
from keras import layers


def unet(
    widths: tuple[int, ...] = (32, 64, 128), blocks: tuple[int, ...] = (2, 2, 2)
) -> keras.Model:
    """A residual U-Net on a stride-2 head that predicts the noise and subtracts it.

    `widths` are the channels at 1/2, 1/4, 1/8 ... of the input's size, and `blocks` the residual
    blocks of two 3x3 convolutions at each (on the way down and again on the way up; once at the
    bottom). No normalisation: batch statistics would tie a tile's result to its neighbours in
    the batch. Skips are added, not concatenated, which costs no multiplications.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(widths[0], 6, strides=2, padding="same", name="head")(image)
    skips = []
    for level, (width, count) in enumerate(zip(widths[:-1], blocks[:-1], strict=True)):
        for index in range(count):
            x = _residual_block(x, width, f"down{level}_{index}")
        skips.append(x)
        x = layers.Conv2D(widths[level + 1], 2, strides=2, name=f"down{level}")(x)
    for index in range(blocks[-1]):
        x = _residual_block(x, widths[-1], f"bottom_{index}")
    for level in reversed(range(len(widths) - 1)):
        x = layers.Conv2DTranspose(widths[level], 2, strides=2, name=f"up{level}")(x)
        x = layers.Add(name=f"skip{level}")([x, skips[level]])
        for index in range(blocks[level]):
            x = _residual_block(x, widths[level], f"up{level}_{index}")
    # The sum with the input is kept in float32: bfloat16 has 8 bits of mantissa, too few for the
    # picture itself, though enough for the noise.
    noise = layers.Conv2DTranspose(3, 6, strides=2, padding="same", name="tail")(x)
    clean = layers.Subtract(dtype="float32", name="clean")([image, noise])
    return keras.Model(image, clean, name="unet")


def _residual_block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    """x + conv(relu(conv(x))), at one width."""
    y = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"{name}_a")(x)
    y = layers.Conv2D(width, 3, padding="same", name=f"{name}_b")(y)
    return layers.Add(name=f"{name}_add")([x, y])


ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {"unet": unet}


def stride(model: keras.Model) -> int:
    """The factor by which `model` reduces its input at its narrowest: sizes must be multiples."""
    size = 1
    deepest = 1
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.MaxPooling2D):
            size *= layer.strides[0]
        elif isinstance(layer, layers.Conv2DTranspose):
            size //= layer.strides[0]
        elif isinstance(layer, layers.UpSampling2D):
            size //= layer.size[0]
        deepest = max(deepest, size)
    return deepest


def parameters(model: keras.Model) -> int:
    """The number of weights."""
    return int(model.count_params())
