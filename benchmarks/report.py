"""From the figures of a session to a Markdown report and two pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

SHORT = ("full refresh", "nothing changed", "day 2, full extract", "day 2, delta")


def write(results: Path, to: Path) -> Path:
    """Write report.md and two pictures, cost_against_….svg, into the directory; return the report's path."""
    taken = [_flat(entry) for entry in json.loads(results.read_text())["benchmarks"]]
    steps = [one for one in taken if "step" in one]
    curve = [one for one in taken if "changed" in one]
    to.mkdir(parents=True, exist_ok=True)
    parts = ["# Benchmark"]
    for size in sorted({one["accounts"] for one in steps}):
        parts += [f"## {size:,} accounts", _steps([one for one in steps if one["accounts"] == size])]
    if steps:
        parts += ["## By layer, seconds, at the largest size", _layers(steps), "## Before and after", _guide(steps)]
    if curve:
        _pictures(curve, steps, to)
        parts += ["## Curves", _curve(curve), "![Cost against size](cost_against_size.svg)"]
        parts += ["![Cost against change](cost_against_change.svg)"]
    report = to / "report.md"
    report.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return report


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    stats = entry["stats"]
    return {**entry["extra_info"], "median": stats["median"], "least": stats["min"], "most": stats["max"]}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _steps(steps: list[dict[str, Any]]) -> str:
    """A row a step: medians, the spread, and ratios to the floor's like step and to the own full refresh."""
    by_name = {one["step"]: one["median"] for one in steps}
    like = {
        "first build": "lean floor, first build", "nothing changed": "floor, nothing changed",
        "day 2, full extract": "floor, day 2", "day 2, delta": "floor, day 2",
    }  # fmt: skip
    rows = []
    for one in steps:
        floor = by_name.get(like.get(one["step"], ""))
        whole = by_name.get("full refresh") if one["step"] in SHORT else None
        rows.append([
            one["step"], f"{one['median']:.2f}", f"{one['least']:.2f} to {one['most']:.2f}",
            f"{one['cpu_seconds']:.1f}",
            f"{one['peak_mb']:.0f}", f"{one['median'] / floor:.2f} ×" if floor else "",
            f"{whole / one['median']:.1f} × faster" if whole and one["step"] != "full refresh" else "",
        ])  # fmt: skip
    return _table(
        ["step", "seconds", "least to most", "processor s", "peak MB", "to the floor", "than a full refresh"], rows
    )


def _layers(steps: list[dict[str, Any]]) -> str:
    """Where the time goes; and the guide's measure, intermediate and marts alone."""
    size = max(one["accounts"] for one in steps)
    ours = [one for one in steps if one["accounts"] == size and "report" in one]
    layers = list(ours[0]["report"]["layers"]) if ours else []
    rows = [[layer, *(f"{one['report']['layers'].get(layer, 0):.2f}" for one in ours)] for layer in layers]
    for name in ("checks_seconds", "outputs_seconds"):
        rows.append([name.removesuffix("_seconds"), *(f"{one['report'][name]:.2f}" for one in ours)])
    late = [sum(one["report"]["layers"].get(layer, 0) for layer in ("intermediate", "marts")) for one in ours]
    whole = next((t for one, t in zip(ours, late, strict=True) if one["step"] == "full refresh"), None)
    rows.append([
        "intermediate and marts, to a full refresh",
        *(f"{whole / seconds:.1f} × faster" if whole and seconds > 0.001 else "" for seconds in late),
    ])  # fmt: skip
    return _table(["", *(one["step"] for one in ours)], rows)


def _guide(steps: list[dict[str, Any]]) -> str:
    """The migration guide's table: full against incremental, tests included."""
    rows = []
    for size in sorted({one["accounts"] for one in steps}):
        found = {one["step"]: one for one in steps if one["accounts"] == size}
        if not {"full refresh", "day 2, full extract"} <= set(found):
            continue
        for step in ("full refresh", "day 2, full extract", "day 2, delta"):
            if step in found:
                told = found[step]["report"]
                tests, total = told["checks_seconds"], found[step]["median"]
                words = [f"{total - tests:.2f}", f"{tests:.2f}", f"{total:.2f}", str(told["total_checks"])]
                rows.append([f"{size:,}", step, *words])
    return _table(["accounts", "run", "run s", "tests s", "total s", "number of tests"], rows)


def _curve(curve: list[dict[str, Any]]) -> str:
    rows = []
    for one in curve:
        numbers = [f"{one['median']:.2f}", f"{one['peak_mb']:.0f}"]
        rows.append([f"{one['accounts']:,}", f"{one['changed']:,}", one["delivery"], *numbers])
    return _table(["accounts", "changed rows", "delivery", "seconds", "peak MB"], rows)


def _pictures(curve: list[dict[str, Any]], steps: list[dict[str, Any]], to: Path) -> None:
    size = max(one["accounts"] for one in curve)
    against_change = {
        delivery: [(one["changed"], one["median"]) for one in curve
                   if one["accounts"] == size and one["delivery"] == delivery]
        for delivery in ("full", "delta")
    }  # fmt: skip
    against_size = {
        f"1,000 changed rows, {delivery}": [
            (one["accounts"], one["median"]) for one in curve if one["changed"] == 1_000 and one["delivery"] == delivery
        ]
        for delivery in ("full", "delta")
    }
    for step in ("full refresh", "nothing changed"):
        against_size[step] = [(one["accounts"], one["median"]) for one in steps if one["step"] == step]
    _picture(against_size, "accounts", "Cost against size", to / "cost_against_size.svg")
    _picture(
        {f"{name} delivery": points for name, points in against_change.items()},
        "changed rows", f"Cost against change, {size:,} accounts", to / "cost_against_change.svg",
    )  # fmt: skip


def _picture(lines: dict[str, list[tuple[float, float]]], across: str, title: str, file: Path) -> None:
    """Draw seconds, from zero, over a logarithmic axis; with grey ink for light and dark pages."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    ink = "#808080"
    figure, axes = plt.subplots(figsize=(7, 4.2))
    for (name, points), marker in zip(lines.items(), "osD^v", strict=False):
        if points:
            axes.plot(*zip(*sorted(points), strict=True), marker=marker, label=name)
    axes.set(xscale="log", xlabel=across, ylabel="seconds, start to end")
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


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True))
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Directory of the report.")
def main(results: Path, to: Path) -> None:
    """Write the report of a session again."""
    click.echo(f"wrote {write(results, to)}")


if __name__ == "__main__":
    main()
