"""From the figures of a session to report.md: the targets, each step, counts, layers, and the cost of a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pictures
import targets
from builders import DAY2, DELTA, LEAN, NOW, REFRESH, STORED, THEN
from figures import Figures, ratio

OURS = ("lc-ibis", "program")
LAYERS = ("source", "staging", "snapshots", "intermediate", "marts")
HEAD = """\
Rounds of all steps: {rounds}, medians shown. **CPU** is the processor seconds, user and system, of the whole process
with its children. **Now** is this checkout, **then** the build given as `--against`. Both floors are scripts written by
hand that make the same tables but the history of refusals and write the same four ordered files, without checks or
state: the **floor** stores staging and intermediate as tables, in the **lean floor** they are views. Each builds its
own day 1. Compare only ratios within one session."""


def write(results: Path, to: Path) -> Path:
    """Write report.md, and two pictures if changes were measured, into the directory; return the report's path."""
    figures = Figures.of(results)
    to.mkdir(parents=True, exist_ok=True)
    session = figures.session
    head = HEAD.format(rounds=session["rounds"])
    parts = ["# Benchmark", head, _machine(session), "## Targets", target_table(figures)]
    for size in figures.sizes:
        if figures.steps(size):
            parts += [f"## {_name(size)}", _steps(figures, size)]
    if session["counts"]:
        parts += ["## Counts", _counts(figures)]
    for size in figures.sizes:
        if size and figures.steps(size):
            parts += [f"## {_name(size)}, by part, wall seconds of the build's own report", _parts(figures, size)]
    parts += ["## Full refresh and incremental, wall seconds", _guide(figures)]
    if pictures.curve(figures):
        drawn = [f"![{file.stem.replace('_', ' ').capitalize()}]({file.name})" for file in pictures.draw(figures, to)]
        parts += ["## Cost of a change", _curve(figures), *drawn]
    report = to / "report.md"
    report.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return report


def target_table(figures: Figures) -> str:
    """Return the table of targets; without another build, what is compared with one is missing."""
    parts = [_table(["work", "then", "now", "target", "met?"], list(targets.rows(figures)))]
    if not figures.has_then:
        parts.append("The targets of the sample need another build: `--against`.")
    counts = figures.session["counts"]
    if counts and all(one["instructions"] is None for one in counts):
        parts.append("Counts of instructions are not to be had here.")
    return "\n\n".join(parts)


def _name(size: int | None) -> str:
    return "The sample" if size is None else f"{size:,} accounts"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(value: float | None, reads: str = "{:.2f}") -> str:
    return "" if value is None else reads.format(value)


def _machine(session: dict[str, Any]) -> str:
    """The versions of each build; ratios between builds on different libraries tell of those too."""
    builds = session["builds"]
    names = list(next(iter(builds.values())))
    table = _table(["", *names], [[who, *(str(facts[name]) for name in names)] for who, facts in builds.items()])
    said = f"{session['cores']} cores, load {session['load'][0]} at the beginning and {session['load'][1]} at the end."
    libraries = {tuple(str(facts[name]) for name in names if name not in OURS) for facts in builds.values()}
    parts = [said, table]
    if len(libraries) > 1:
        parts.append("**Now and then ran on different versions: the ratios tell of these too.**")
    return "\n\n".join(parts)


def _steps(figures: Figures, size: int | None) -> str:
    """A row for each step and builder: what it cost, and ratios within the session."""
    rows = []
    for step in figures.steps(size):
        for who in (NOW, THEN, LEAN, STORED):
            taken = figures.of_rounds(size, step, who, "cpu_seconds")
            if not taken:
                continue
            cpu = figures.median(size, step, who)
            ours = who in (NOW, THEN)
            base = figures.median(size, REFRESH.name, who) if ours and step != REFRESH.name else None
            to = [ratio(cpu, figures.median(size, step, floor)) if ours else None for floor in (LEAN, STORED)]
            to_then = ratio(cpu, figures.median(size, step, THEN)) if who == NOW else None
            rows.append([
                step, who, _said(cpu), f"{min(taken):.2f} to {max(taken):.2f}",
                _said(figures.median(size, step, who, "wall_seconds")), _said(figures.most(size, step, who), "{:.0f}"),
                _said(to_then), *(_said(one) for one in to), _said(ratio(base, cpu), "{:.1f} × cheaper"),
            ])  # fmt: skip
    head = [
        "step", "by", "CPU s", "least to most", "wall s", "peak MB",
        "to then", "to lean floor", "to floor", "than own full refresh",
    ]  # fmt: skip
    return _table(head, rows)


def _counts(figures: Figures) -> str:
    """What no neighbour disturbs; instructions only where the system counts them."""
    rows = []
    for one in figures.session["counts"]:
        instructions = one["instructions"]
        loaded = [name for name in ("ibis", "sqlglot") if one["imported"][name]]
        rows.append([
            _name(one["accounts"]), one["step"], one["builder"], _said(one["statements"], "{}"),
            str(one["compilations"]), f"{one['Python_calls']:,}",
            "not to be had here" if instructions is None else f"{instructions:,}", ", ".join(loaded) or "neither",
        ])  # fmt: skip
    head = ["", "step", "by", "statements", "compilations", "Python calls", "instructions", "imported, ibis or sqlglot"]
    return _table(head, rows)


def _parts(figures: Figures, size: int) -> str:
    steps = figures.steps(size)

    def seconds(part: str, step: str) -> str:
        def read(turn: dict[str, Any]) -> float:
            report = turn["report"]
            return float(report["layers"].get(part, 0.0) if part in LAYERS else report[f"{part}_seconds"])

        return _said(figures.median(size, step, NOW, read))

    rows = [[part, *(seconds(part, step) for step in steps)] for part in (*LAYERS, "checks", "outputs")]
    return _table(["", *steps], rows)


def _guide(figures: Figures) -> str:
    """The migration guide's table: full against incremental, tests included."""
    rows = []
    for size in figures.sizes:
        for step in (REFRESH.name, DAY2.name, DELTA.name) if size else ():
            total = figures.median(size, step, NOW, "wall_seconds")
            tests = figures.median(size, step, NOW, lambda turn: turn["report"]["checks_seconds"])
            if total is not None and tests is not None:
                number = figures.turns(size, step, NOW)[-1]["report"]["total_checks"]
                rows.append([f"{size:,}", step, *(_said(one) for one in (total - tests, tests, total)), str(number)])
    return _table(["accounts", "run", "run s", "tests s", "total s", "number of tests"], rows)


def _curve(figures: Figures) -> str:
    rows = []
    for accounts, changed, delivery, step in pictures.curve(figures):
        costs = [_said(figures.median(accounts, step, NOW, what)) for what in ("cpu_seconds", "wall_seconds")]
        rows.append([f"{accounts:,}", f"{changed:,}", delivery, *costs, _said(figures.most(accounts, step), "{:.0f}")])
    return _table(["accounts", "changed rows", "delivery", "CPU s", "wall s", "peak MB"], rows)


@click.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True))
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Directory of the report.")
def main(results: Path, to: Path) -> None:
    """Write the report of a session again."""
    click.echo(f"wrote {write(results, to)}")


if __name__ == "__main__":
    main()
