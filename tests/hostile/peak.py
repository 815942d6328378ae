"""What decompression bombs take before they are refused: python -m tests.hostile.peak

Prints the peak of the process's resident memory over what it had before, on Linux.
"""

from pathlib import Path

from app.imaging.codec import decode
from app.imaging.picture import ImagingError
from app.settings import Settings
from tests.hostile.corpus import bombs

HEAD = """\
| bomb | bytes sent | answer | peak of memory |
|---|---|---|---|
"""


def attempt(data: bytes) -> str:
    """What becomes of a file under the limits that are set."""
    settings = Settings()
    try:
        picture = decode(data, max_pixels=settings.max_pixels, max_side=settings.max_side)
    except ImagingError as error:
        return type(error).__name__
    return f"{picture.width} x {picture.height} pixels"


def peak(data: bytes) -> tuple[str, int]:
    """What becomes of a file, and how many bytes of memory it took meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
    before = _status("VmRSS")
    return attempt(data), max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) << 10


def main() -> None:
    """Prints the table."""
    print(HEAD, end="")
    for bomb in bombs():
        answer, growth = peak(bomb.data)
        print(f"| {bomb.name} | {len(bomb.data):,} | {answer} | {growth / 2**20:.1f} MiB |")


if __name__ == "__main__":
    main()
