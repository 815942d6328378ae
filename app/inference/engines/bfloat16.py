"""bfloat16 convolutions on processors, for serving and for training with TensorFlow."""

import os
from pathlib import Path


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor multiplies bfloat16 natively; False unless Linux reports it."""
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def rewrite_graphs(on: bool) -> None:
    """Set whether oneDNN runs convolutions in bfloat16 in all graphs of the process.

    Call it before the first graph is traced. Transposed and three-dimensional convolutions stay
    float32, since they may be the last layer of the network: with 8 bits of mantissa, strong noise
    is only exact to half an 8-bit level, and rounding would depend on the size of the tile.
    """
    import tensorflow as tf

    kept = "Conv2DBackpropInput,Conv3D"
    os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ALLOWLIST_REMOVE"] = kept
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})
