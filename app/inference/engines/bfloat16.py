"""Convolutions in bfloat16 on processors, the same for serving and training in TensorFlow."""

import os
from pathlib import Path


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor multiplies bfloat16 natively, as far as Linux reports it."""
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def rewrite_graphs(on: bool) -> None:
    """Have oneDNN run convolutions in bfloat16, or not, in all graphs of the process.

    Must be called before the first graph is traced. Transposed convolutions, and those in three
    dimensions, stay float32, for they may be the network's last layer: with 8 bits of mantissa,
    strong noise is only known to half an 8-bit level, and the rounding would depend on the size of
    the tile.
    """
    import tensorflow as tf

    kept = "Conv2DBackpropInput,Conv3D"
    os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_ALLOWLIST_REMOVE"] = kept
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})
