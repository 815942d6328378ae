"""Format scores as Markdown tables."""

from collections.abc import Iterable
from statistics import fmean

from training.evaluate import Score


def first_rmse(scores: Iterable[tuple[str, Score]]) -> str:
    """Return the RMSE of the first images of each trial, as the article states it."""
    rows = [
        (
            method,
            score.dataset,
            score.protocol,
            f"{round(score.sigma, 2):g}",
            " ".join(f"{o.rmse:.4f}" for o in score.first),
            f"{fmean(o.rmse for o in score.first):.4f}",
        )
        for method, score in scores
    ]
    return _markdown(
        ("method", "images", "noise and protocol", "sigma", "RMSE of the first", "mean"), rows
    )


def table(scores: Iterable[tuple[str, Score]]) -> str:
    """Return a table of scores by the name of the method."""
    head = (
        *("method", "images", "noise and protocol", "sigma"),
        *("noisy", "PSNR", "lowest", "SSIM", "RMSE", "shift", "worst", "casts", "s/MP"),
    )
    rows = [
        (
            method,
            f"{score.dataset} ({score.images})",
            score.protocol,
            f"{round(score.sigma, 2):g}",
            f"{score.noisy:.2f}",
            f"{score.psnr:.2f}",
            f"{score.lowest:.2f}",
            f"{score.ssim:.4f}",
            f"{score.rmse:.4f}",
            f"{score.shift:.2f}",
            f"{score.worst:.0f}",
            "{:.2f} / {:.2f}".format(*score.casts) if score.casts else "",
            f"{score.seconds_per_megapixel:.2f}",
        )
        for method, score in scores
    ]
    return _markdown(head, rows)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
