"""Import OpenVINO without its tools for other frameworks.

Those take a third of the time, and report every import to their vendor over the network.
"""

import sys
from typing import TYPE_CHECKING

if not TYPE_CHECKING:
    sys.modules.setdefault("openvino.tools.ovc", None)  # an ImportError, which OpenVINO expects

import openvino
import openvino.opset15 as opset

__all__ = ["openvino", "opset"]
