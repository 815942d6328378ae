"""Measure the memory of the service while it processes a zip of a DICOM series as a job.

    python -m benchmarks.series [--slices 200] [--side 512] [--axes auto] [--model unet-fast]

Slices have 12 bits in 16 with noise, so that they hardly compress. Prints the memory of the service
with its workers, idle and at its peak, by the proportional set size, sampled twenty times a second;
the seconds, and how many steps of the job's progress were seen; and what the answer is.
"""

import argparse
import io
import json
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from benchmarks.markdown import head, line
from benchmarks.process import Process
from benchmarks.service import URL, service

MIB = 1 << 20
LOOK_SECONDS = 0.05
SERIES = "1.2.826.0.1.3680043.2.1"


def series(slices: int, side: int) -> bytes:
    """Return a zip of as many square slices, one mm apart, of ellipses with noise."""
    random, out = np.random.default_rng(0), io.BytesIO()
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(slices):
            size = np.sin(np.pi * (number + 1) / (slices + 1)) * 0.9
            clean = 300 + 1500 * (np.hypot(x, 1.2 * y) < size) * (1 + 0.3 * np.sin(9 * x + y))
            noisy = np.abs(clean + random.normal(0, 60, clean.shape)).clip(0, 4095)
            archive.writestr(f"series/{number:04}.dcm", _slice(noisy.astype(np.uint16), number))
    return out.getvalue()


def _slice(samples: np.ndarray, number: int) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"{SERIES}.{number + 1}"
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = SERIES
    dataset.InstanceNumber, dataset.PixelSpacing = number + 1, [1, 1]
    dataset.ImagePositionPatient = [0, 0, number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.Rows, dataset.Columns = samples.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation, dataset.PixelData = 0, samples.tobytes()
    dataset["PixelData"].VR = "OW"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@contextmanager
def watched(process: Process) -> Iterator[list[int]]:
    """Collect the resident bytes of all processes until the end of the block."""
    found, over = [process.memory], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            found.append(process.memory)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def job(data: bytes, query: str) -> tuple[bytes, list[int]]:
    """Post the zip as a job; return its result, and each percent that was told."""
    request = urllib.request.Request(
        f"{URL}/jobs?{query}", data, {"Content-Type": "application/zip"}
    )
    with urllib.request.urlopen(request) as answer:
        place = URL + answer.headers["Location"]
    told: list[int] = []
    while True:
        with urllib.request.urlopen(place) as answer:
            status = json.load(answer)
        if status["percent"] not in told[-1:]:
            told.append(status["percent"])
        if status["state"] == "failed":
            raise RuntimeError(status["problem"]["detail"])
        if status["state"] == "done":
            break
        time.sleep(0.5)
    with urllib.request.urlopen(f"{place}/result") as answer:
        return answer.read(), told


def main() -> int:
    """Print the table; return 1 if a slice is missing in the answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--axes", default="auto")
    parser.add_argument("--model", default="unet-fast")
    options = parser.parse_args()
    data = series(options.slices, options.side)
    with service() as process:
        began = time.monotonic()
        with watched(process) as memory:
            result, told = job(data, f"axes={options.axes}&model={options.model}")
        seconds = time.monotonic() - began
    idle, peak = memory[0], max(memory)
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        found = [dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    voxels = 2 * options.slices * options.side**2
    print(head("zip MiB", "samples MiB", "idle MiB", "peak MiB", "seconds", "percents told"))
    sizes = (f"{size / MIB:.0f}" for size in (len(data), voxels, idle, peak))
    print(line((*sizes, f"{seconds:.0f}", str(len(told)))))
    derived = {each.SeriesInstanceUID for each in found}
    print(f"\n{len(found)} slices in {len(derived)} new series")
    return 0 if len(found) == options.slices and derived != {SERIES} else 1


if __name__ == "__main__":
    sys.exit(main())
