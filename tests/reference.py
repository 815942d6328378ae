"""Writes what lists the things that the project has: settings, metrics, models, problems.

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
goes before the variable. A value out of range stops the service at its start, and is named;
so does a variable `DENOISER_...` that is not in this table, with the nearest name that is.

{table}
"""

PROBLEMS = """\
# Problems

An error is answered as problem details (RFC 9457), `application/problem+json`: `code` says which of
these it is, `detail` what happened, here with an example of it. "After `Retry-After`" is the number
of seconds in that header of the answer.

{table}
"""

RETRY = {"never": "no", "later": "yes", "told": "after `Retry-After`"}

FOREIGN_HEAD = """\
/** Files that are known but not read, made by `python -m tests.reference`. */
"""

TITLES = "/** What problems are called on the page, made by `python -m tests.reference`. */\n"

METRICS = """\
# Metrics

`GET /metrics` answers in the text format of Prometheus. Besides these there are the usual ones of
the process and of Python (`process_*`, `python_*`).

{table}

With several workers (`DENOISER_WORKERS`), whichever is asked adds up those of all, as far as they
were a second ago. There are no `process_*` and `python_*` then: they would be of that one alone.

Worth an alert: `denoiser_ready` at 0; a rising share of `denoiser_requests_total{{status="503"}}`,
which says that the service is full; `denoiser_stage_seconds` of the stage `queue` near
`DENOISER_QUEUE_SECONDS`. `denoiser_tile_pixels_total` over time is the throughput of the network.
"""


MODELS = """\
# Models

What each model under `models/` was trained on, for which noise, and how well it does; `/models`
answers the same as JSON, and the page shows it beside the picture. PSNR in dB, SSIM, and RMSE with
white as 1, each the mean over the images; sigma of the noise on the 0..255 scale. `noisy` is the
PSNR of what came in, `lowest` that of the image that came out worst, `worst` the largest error of
any value in 8-bit levels; `casts` tells by how many levels the means of squares of 32x32 pixels
have moved, as RMS and 95th percentile.
[training/README.md](../training/README.md#measuring) says how they are measured.

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
| noise | {card.noise} |
| network | {card.architecture}, {card.parameters:,} parameters |
| cost | {card.gmac} GMAC for 256x256 pixels |
| file | {card.bytes:,} bytes, SHA-256 `{card.sha256}` |
| trained on | {training} |
{history}| made | {made}, with {versions} |
| licence | {card.licence} |

{scores}"""


def models() -> str:
    """docs/models.md."""
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
        training="; ".join(f"{s.name}, {s.images} images ({s.terms})" for s in card.training_data),
        history="".join(f"| stage | {stage} |\n" for stage in card.history),
        made=card.created[:10],
        versions=", ".join(f"{name} {version}" for name, version in card.versions.items()),
        scores=_table(HEAD, scores),
    )


def _rounded(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def configuration() -> str:
    """docs/configuration.md."""
    rows = [
        (f"`DENOISER_{name.upper()}`", _default(field.default), _meaning(field))
        for name, field in Settings.model_fields.items()
    ]
    return CONFIGURATION.format(table=_table(("variable", "default", "meaning"), rows))


def metrics() -> str:
    """docs/metrics.md."""
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
    """docs/problems.md."""
    rows = [
        (f"`{code}`", str(row.status), row.title, row.detail(**row.example), RETRY[row.retry])
        for code, row in CATALOGUE.items()
    ]
    return PROBLEMS.format(table=_table(("code", "status", "what", "detail", "again"), rows))


def titles() -> str:
    """The page's titles of problems."""
    lines = [f"  {json.dumps(code)}: {json.dumps(row.title)}," for code, row in CATALOGUE.items()]
    return "\n".join([TITLES, "export const TITLES = {", *lines, "};", ""])


def foreign() -> str:
    """The page's list of files that are known but not read."""
    lines = [
        f"  {{ title: {json.dumps(each.title)}, advice: {json.dumps(each.advice)},\n"
        f"    pattern: /^(?:{each.pattern.decode('ascii')})/s }},"
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
