"""OpenVINO without its tools for other frameworks, and its core.

The tools take a third of the time, and report every import to their vendor over the network.
"""

import sys
from typing import TYPE_CHECKING

if not TYPE_CHECKING:
    sys.modules.setdefault("openvino.tools.ovc", None)  # an ImportError, which OpenVINO expects

import openvino
import openvino.opset15 as opset

__all__ = ["CORE", "openvino", "opset"]

CORE = openvino.Core()
"""The only one of the process, which never ends.

A core gives the thread that first compiles with it another stack for signal handlers, and frees it
when it ends. If two end in the order in which they began, the thread is left with a stack that is
freed, and the next signal, such as that of Ctrl-C, crashes the process or corrupts its memory.
"""
