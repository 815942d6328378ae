"""The page in a run folder for browsers: the run in figures and images."""

import html
from collections.abc import Sequence
from pathlib import Path

from training.log import read_log

PICTURES = {
    "grid.png": "Held-out images: clean, noisy, and denoised",
    "loss.png": "Loss after each epoch",
}
COLUMNS = ("step", "loss", "psnr", "validation_loss", "validation_psnr", "steps_per_second")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
img {{ max-width: 100% }}
td, th {{ padding: 0 1rem 0 0; text-align: right }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
{pictures}
<h2>Epochs</h2>
<table>
<tr>{head}</tr>
{rows}
</table>
<h2>What next</h2>
<pre>{commands}</pre>
</html>
"""


def webpage(run: Path, commands: Sequence[str]) -> str:
    """Return an HTML page on a run folder, with its log.csv, its images and the next `commands`."""
    rows = read_log(run / "log.csv")
    best = max((row["validation_psnr"] for row in rows if "validation_psnr" in row), default=None)
    steps = f"{rows[-1]['step']:.0f}" if rows else "no"
    summary = f"{steps} steps" + (f", at best {best:.2f} dB on held-out images" if best else "")
    return PAGE.format(
        title=html.escape(f"Run {run.resolve().name}"),
        summary=summary,
        pictures="\n".join(
            f'<figure><img src="{name}" alt="{alt}"><figcaption>{alt}</figcaption></figure>'
            for name, alt in PICTURES.items()
            if (run / name).exists()
        ),
        head="".join(f'<th scope="col">{name.replace("_", " ")}</th>' for name in COLUMNS),
        rows="\n".join(_row(row) for row in rows),
        commands=html.escape("\n".join(commands)),
    )


def _row(row: dict[str, float]) -> str:
    cells = (f"{row[name]:.5g}" if name in row else "" for name in COLUMNS)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
