"""The networks, as functions of Keras layers: images [n, h, w, 3] in [0, 1] to the same shape.

They consist of stock layers without global operations: a saved network loads without any of our
code, runs on images of any size that is a multiple of its stride, and gives the same pixels whether
or not an image is cut into overlapping tiles.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

from training.errors import TrainingError


def unet(widths: tuple[int, ...] = (32, 64, 128), blocks: tuple[int, ...] = (2, 2, 2)) -> Any:
    """Return a residual U-Net on a stride-2 head that predicts the noise and subtracts it.

    `widths` are the channels at 1/2, 1/4, 1/8 ... of the input's size, and `blocks` the numbers of
    residual blocks of two 3x3 convolutions at each (on the way down and again on the way up; once
    at the bottom). There is no normalization: batch statistics would make the result of a tile
    depend on the rest of its batch. Skips are added, not concatenated, which costs no
    multiplications.
    """
    if not widths or len(widths) != len(blocks):
        raise ValueError("as many widths as blocks are needed, and at least one")
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
    # The difference from the input stays float32: the mantissa of bfloat16 has 8 bits, enough for
    # the noise but too few for the image.
    noise = layers.Conv2DTranspose(3, 6, strides=2, padding="same", name="tail")(x)
    clean = layers.Subtract(dtype="float32", name="clean")([image, noise])
    return keras.Model(image, clean, name="unet")


def _residual_block(x: Any, width: int, name: str) -> Any:
    """Return the sum of x and conv(relu(conv(x))), at one width.

    It begins as the identity, so that deep networks learn from the start, and one that starts from
    the weights of a network with fewer blocks behaves exactly like that one.
    """
    y = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"{name}_a")(x)
    last = {"kernel_initializer": "zeros", "name": f"{name}_b"}
    y = layers.Conv2D(width, 3, padding="same", **last)(y)
    return layers.Add(name=f"{name}_add")([x, y])


def autoencoder(encoder: tuple[int, ...] = (256, 128, 64)) -> Any:
    """Return the denoising autoencoder of the article: 3x3 kernels, ReLU, `same` padding, and a
    sigmoid at the end.

    By default Conv 256 - pool - Conv 128 - pool - Conv 64, then Conv 128 - up - Conv 256 - up -
    Conv 3. It has no skips: the whole image passes through the bottom, at a quarter of its size.
    """
    image = keras.Input((None, None, 3), name="image")
    x = image
    for level, width in enumerate(encoder[:-1]):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"encode{level}")(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = layers.Conv2D(encoder[-1], 3, padding="same", activation="relu", name="bottom")(x)
    for level, width in reversed(list(enumerate(encoder[:-1]))):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"decode{level}")(x)
        x = layers.UpSampling2D(name=f"up{level}")(x)
    # The result stays float32: the mantissa of bfloat16 has 8 bits, too few for an image.
    clean = layers.Conv2D(
        3, 3, padding="same", activation="sigmoid", dtype="float32", name="clean"
    )(x)
    return keras.Model(image, clean, name="autoencoder")


ARCHITECTURES: dict[str, Callable[..., Any]] = {"autoencoder": autoencoder, "unet": unet}


def build(architecture: str, options: Mapping[str, Any], policy: str = "float32") -> Any:
    """Return a network with random weights, its layers computing under a Keras dtype policy.

    Raises TrainingError for an unknown architecture or invalid options.
    """
    if architecture not in ARCHITECTURES:
        raise TrainingError(
            f"no architecture {architecture!r}; there is {', '.join(ARCHITECTURES)}"
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return ARCHITECTURES[architecture](**options)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"architecture {architecture!r}: {error}") from error
    finally:
        keras.config.set_dtype_policy(before)
