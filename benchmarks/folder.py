"""Compare `denoiser denoise` on a folder of pictures with the bare network.

    python -m benchmarks.folder [--count 200] [--side 512]

Makes the pictures, three of them broken, and runs the command on them, in one run with the network
alone on tiles of their size. The start of the command, which loads the model, is subtracted: it is
timed on a folder of one picture.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.imaging.codec import encode
from app.imaging.picture import Format
from benchmarks.bare import rates
from benchmarks.pictures import photograph
from benchmarks.service import START


def denoise(source: Path, target: Path) -> tuple[float, list[str]]:
    """Seconds that the command takes, and what it says."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", START, "denoise", str(source), "-o", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("denoiser: ")]
    return time.perf_counter() - began, said


def main() -> None:
    """Print the two rates, their ratio, and what the command says of the broken files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one"), Path(folder, "many")
        for place, count in ((one, 1), (many, options.count - 3)):
            place.mkdir()
            for index in range(count):
                picture = photograph(options.side, options.side, index % 16)
                (place / f"{index:04}.jpg").write_bytes(encode(picture, Format.JPEG).data)
        good = next(many.iterdir()).read_bytes()
        for name, content in (("cut", good[:1000]), ("text", b"not a picture"), ("empty", b"")):
            (many / f"{name}.jpg").write_bytes(content)
        alone = rates(options.side, 5.0)
        start, _ = denoise(one, Path(folder, "out-one"))
        seconds, said = denoise(many, Path(folder, "out-many"))
    bare, rate = max(alone.values()), (options.count - 4) / (seconds - start)
    print(f"the network alone: {bare:.2f} images/s of {options.side}x{options.side}")
    print(f"denoiser denoise:  {rate:.2f} images/s, {rate / bare:.2f} of it")
    print("\n".join(line.replace(folder, "") for line in said))


if __name__ == "__main__":
    main()
