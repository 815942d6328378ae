"""`denoiser denoise SRC DST --ray`: the pictures between two stores, by a whole cluster."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched

