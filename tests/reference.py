"""Write the reference lists of the project: settings, metrics, models, problems.

    python -m tests.reference

writes docs/configuration.md, metrics.md, models.md and problems.md, and the page's titles of
problems; a test fails where they are not what this writes.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from prometheus_client import Metric

from app.api.catalogue import CATALOGUE
from app.imaging.formats.foreign import FOREIGN
from app.inference.card import ModelCard
from app.inference.store import read_packages
from app.main import create_app
from app.settings import PROJECT, Settings

DOCS = PROJECT / "docs"

CONFIGURATION = """\
# Configuration

Every setting is an environment variable and, in lower case and with dashes, a flag of
`denoiser serve`: `DENOISER_MAX_PIXELS=1000000` and `--max-pixels 1000000` are the same. The flag
takes precedence over the variable. The service refuses to start, and says why, if a value is out
of range or if a variable `DENOISER_...` is not in this table; it then suggests the nearest name.

{table}

## The command line

`denoiser denoise` and `noise` follow those variables that concern images and models:
`DENOISER_MODELS_DIR`, `MODEL`, `ENGINE`, `PRECISION`, `THREADS`, `CODEC_PROCESSES`,
`MAX_PIXELS` and `MAX_SIDE`. The others protect a service from its callers and do not apply to
your own files: `DENOISER_MAX_BODY_BYTES` is for requests. A file, in a folder or a store or
from a pipe, may have 16 bytes for each of `DENOISER_MAX_PIXELS`, 1,024 MB by default, which is
what an image of four channels of 32 bits needs; a larger one is not read, and reported as
failed. At most 1 GiB of files and 64 megapixels of images are in memory at a time; what is
larger than that is processed alone.
"""

PROBLEMS = """\
# Problems

Errors are problem details (RFC 9457), `application/problem+json`: `code` is one of these codes, and
`detail` says what happened, as in the example. The last column says whether to repeat the request;
"after `Retry-After`" means after the number of seconds in that response header.

{table}
"""

RETRY = {"never": "no", "later": "yes", "retry-after": "after `Retry-After`"}

FOREIGN_HEAD = """\
/** Files that are known but not read, made by `python -m tests.reference`. */
"""

TITLES = "/** What problems are called on the page, made by `python -m tests.reference`. */\n"

METRICS = """\
# Metrics

`GET /metrics` returns these metrics in the text format of Prometheus, and the usual ones of the
process and of Python (`process_*`, `python_*`).

{table}

With several workers (`DENOISER_WORKERS`), the values are sums over all of them, at most a second
old. `process_*` and `python_*` are missing then, since they would describe only one worker.

Set alerts for `denoiser_ready` at 0, for a rising share of
`denoiser_requests_total{{status="503"}}`, which means that the service is overloaded, and for
`denoiser_stage_seconds` of the stage `queue` near `DENOISER_QUEUE_SECONDS`. The rate of
`denoiser_tile_pixels_total` is the throughput of the network.
"""


MODELS = """\
# Models

What each model under `models/` was trained on, for which noise, and its evaluation; `/models`
returns the same as JSON, and the page shows it beside the image. PSNR is in dB and RMSE on the
0..1 scale; they and SSIM are means over the images. Sigma, the standard deviation of the noise, is
on the 0..255 scale. `noisy` is the PSNR of the input, `lowest` that of the worst result, and
`worst` the largest error of any sample in 8-bit levels; `casts` is by how many levels the means
of squares of 32x32 pixels have moved, as RMS and 95th percentile.
[training/README.md](../training/README.md#measuring) describes the evaluation.

{cards}
"""

HEAD = (
    *("images", "noise", "sigma", "noisy", "PSNR", "SSIM", "RMSE", "lowest"),
    *("worst", "casts", "casts, 95%"),
)

CARD = """\
## {card.title} (`{card.name}`{historical})

{card.description}

| | |
| --- | --- |
{default}| noise | {card.noise} |
| network | {card.architecture}, {card.parameters:,} parameters |
| cost | {card.gmac} GMAC for 256x256 pixels |
| file | {card.bytes:,} bytes, SHA-256 `{card.sha256}` |
| trained on | {training} |
{history}| made | {made}, with {versions} |
| licence | {card.licence} |

{scores}"""


def models() -> str:
    """Return docs/models.md."""
    packages = read_packages(PROJECT / "models").values()
    default = Settings.model_fields["model"].default
    cards = sorted((p.card for p in packages), key=lambda card: card.name != default)
    return MODELS.format(cards="\n\n".join(_card(card) for card in cards))


def _card(card: ModelCard) -> str:
    scores = [
        (
            *(s.dataset, s.protocol, f"{s.sigma:g}", _rounded(s.noisy, 2), f"{s.psnr:.2f}"),
            *(_rounded(s.ssim, 4), _rounded(s.rmse, 4), _rounded(s.lowest, 2)),
            *(_rounded(s.worst, 0), _rounded(s.casts_rms, 2), _rounded(s.casts_95, 2)),
        )
        for s in card.metrics
    ]
    return CARD.format(
        card=card,
        historical=", historical" if card.historical else "",
        default=f"| default for | grey scans, {card.modality} |\n" if card.modality else "",
        training="; ".join(f"{s.name}, {s.images} images ({s.terms})" for s in card.training_data),
        history="".join(f"| stage | {stage} |\n" for stage in card.history),
        made=card.created[:10],
        versions=", ".join(f"{name} {version}" for name, version in card.versions.items()),
        scores=_table(HEAD, scores),
    )


def _rounded(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def configuration() -> str:
    """Return docs/configuration.md."""
    rows = [
        (f"`DENOISER_{name.upper()}`", _default(field.default), _meaning(field))
        for name, field in Settings.model_fields.items()
    ]
    return CONFIGURATION.format(table=_table(("variable", "default", "meaning"), rows))


def metrics() -> str:
    """Return docs/metrics.md."""
    registry = create_app(Settings()).state.service.metrics.registry
    rows = [
        (f"`{metric.name}{_suffix(metric)}`", metric.type, metric.documentation)
        for metric in sorted(registry.collect(), key=lambda metric: metric.name)
        if metric.name.startswith("denoiser_")
    ]
    return METRICS.format(table=_table(("metric", "type", "meaning"), rows))


def _default(value: Any) -> str:
    if value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT)}` of the project"
    if isinstance(value, int) and value and value % (1 << 20) == 0:
        return (
            f"{value:,} (2^{value.bit_length() - 1})" if value & (value - 1) == 0 else f"{value:,}"
        )
    if isinstance(value, int) and value >= 100_000:
        return f"{value:,}"
    return f"`{value}`"


def _meaning(field: Any) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    listed = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return f"{field.description}{listed}"


def _suffix(metric: Metric) -> str:
    return "_total" if metric.type == "counter" else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def problems() -> str:
    """Return docs/problems.md."""
    rows = [
        (f"`{code}`", str(row.status), row.title, row.detail(**row.example), RETRY[row.retry])
        for code, row in CATALOGUE.items()
    ]
    return PROBLEMS.format(table=_table(("code", "status", "what", "detail", "again"), rows))


def titles() -> str:
    """Return the page's titles of problems."""
    lines = [f"  {json.dumps(code)}: {json.dumps(row.title)}," for code, row in CATALOGUE.items()]
    return "\n".join([TITLES, "export const TITLES = {", *lines, "};", ""])


SLASH = r"\/"
"""As it stands in a regular expression of JavaScript."""


def foreign() -> str:
    """Return the page's list of files that are recognized but not supported."""
    lines = [
        f"  {{ title: {json.dumps(each.title)}, advice: {json.dumps(each.advice)},\n"
        f"    pattern: /^(?:{each.pattern.decode('ascii').replace('/', SLASH)})/s }},"
        for each in FOREIGN
    ]
    return "\n".join([FOREIGN_HEAD, "export const FOREIGN = [", *lines, "];", ""])


PAGES = {
    "configuration.md": configuration,
    "metrics.md": metrics,
    "models.md": models,
    "problems.md": problems,
    "../app/web/static/titles.js": titles,
    "../app/web/static/foreign.js": foreign,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
