"""Two pictures: cost against size and cost against change, in processor seconds."""

from __future__ import annotations

from pathlib import Path

from builders import NOW, REFRESH, UNCHANGED
from figures import Figures

Lines = dict[str, list[tuple[float, float]]]
DELIVERIES = ("full", "delta")


def curve(figures: Figures) -> list[tuple[int, int, str, str]]:
    """Return what was measured of changes: accounts, changed rows, delivery, and the step's name."""
    found = {
        (turn["accounts"], turn["changed"], turn["delivery"], turn["step"])
        for turn in figures.session["turns"]
        if "changed" in turn
    }
    return sorted(found)


def draw(figures: Figures, to: Path) -> list[Path]:
    """Draw both pictures into a directory."""
    points = [
        (accounts, changed, delivery, figures.median(accounts, step) or 0.0)
        for accounts, changed, delivery, step in curve(figures)
    ]
    largest = max(accounts for accounts, *_ in points)
    against_change: Lines = {
        f"{delivery} delivery": [(c, seconds) for a, c, d, seconds in points if (a, d) == (largest, delivery)]
        for delivery in DELIVERIES
    }
    against_size: Lines = {
        f"1,000 changed rows, {delivery}": [(a, seconds) for a, c, d, seconds in points if (c, d) == (1_000, delivery)]
        for delivery in DELIVERIES
    }
    for step in (REFRESH.name, UNCHANGED.name):
        cost = [(size, figures.median(size, step, NOW)) for size in figures.sizes if size]
        against_size[step] = [(size, seconds) for size, seconds in cost if seconds is not None]
    files = [to / "cost_against_size.svg", to / "cost_against_change.svg"]
    _picture(against_size, "accounts", "Cost against size", files[0])
    _picture(against_change, "changed rows", f"Cost against change, {largest:,} accounts", files[1])
    return files


def _picture(lines: Lines, across: str, title: str, file: Path) -> None:
    """Draw seconds, from zero, over a logarithmic axis; with grey ink for light and dark pages."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    ink = "#808080"
    figure, axes = plt.subplots(figsize=(7, 4.2))
    for (name, points), marker in zip(lines.items(), "osD^v", strict=False):
        if points:
            axes.plot(*zip(*sorted(points), strict=True), marker=marker, label=name)
    axes.set(xscale="log", xlabel=across, ylabel="processor seconds")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title(title, color=ink)
    axes.tick_params(which="both", colors=ink)
    axes.grid(which="major", color=ink, alpha=0.3)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(ink)
    for side in axes.spines.values():
        side.set_color(ink)
    axes.legend(frameon=False, labelcolor=ink)
    figure.tight_layout()
    figure.savefig(file, transparent=True)
    plt.close(figure)
