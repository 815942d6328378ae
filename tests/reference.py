"""The pages of the documentation that list what the code has: settings and metrics.

    python -m tests.reference

writes docs/configuration.md and docs/metrics.md; a test fails where they are not what this writes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from prometheus_client import Metric

from app.main import create_app
from app.settings import PROJECT, Settings

DOCS = PROJECT / "docs"

CONFIGURATION = """\
# Configuration

Every setting is an environment variable and, in lower case and with dashes, a flag of
`denoiser serve`: `DENOISER_MAX_PIXELS=1000000` and `--max-pixels 1000000` are the same. The flag
goes before the variable. A value out of range stops the service at its start, and is named.

{table}
"""

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


PAGES = {"configuration.md": configuration, "metrics.md": metrics}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
