"""One command for all: measure side by side, print the table of targets, and write the report."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from builders import DAY2, STEPS, UNCHANGED, Builder, Step, builders
from figures import Figures, recorded
from places import Place, turns
from report import target_table, write

# Counts hardly depend on size, so they are taken where a step takes seconds.
COUNTED_UP_TO = 10_000


def steps_of(place: Place, changes: Sequence[int], only: Sequence[str]) -> list[Step]:
    """Return the steps of a place: of the sample two; of a size all, and those of the curve of change."""
    if place.accounts is None:
        found = [UNCHANGED, DAY2]
    else:
        some = [rows for rows in sorted(changes) if rows <= place.accounts // 10]
        found = [*STEPS, *(place.changed(rows, delivery) for rows in some for delivery in ("full", "delta"))]
    return [step for step in found if not only or any(words in step.name for words in only)]


def measured(
    place: Place, who: Sequence[Builder], steps: Sequence[Step], rounds: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the runs of a place and, if it is small, what was counted there."""
    size = place.accounts
    those = [one for one in who if not (one.is_floor and size is None)]
    runs = []
    for turn in turns(place, those, steps, rounds):
        runs.append(recorded(turn, size))
        _tell(runs[-1])
    if (size or 0) > COUNTED_UP_TO:
        return runs, []
    return runs, [
        {"accounts": size, "step": step.name, "builder": one.name} | place.count(one, step)
        for step in steps if step.changed is None
        for one in those if not one.is_floor
    ]  # fmt: skip


def _tell(run: dict[str, Any]) -> None:
    where = "sample" if run["accounts"] is None else f"{run['accounts']:,}"
    cost = f"{run['cpu_seconds']:8.2f} s CPU {run['wall_seconds']:8.2f} s wall {run['peak_mb']:6.0f} MB"
    click.echo(f"{run['round'] + 1}  {where:>10}  {run['step']:<28} {run['builder']:<10} {cost}", err=True)


@click.command()
@click.option("--accounts", type=int, multiple=True, default=[10_000, 1_000_000], show_default=True, help="Sizes.")
@click.option("--against", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Another build: its wheel, or the Python of a venv that it is installed in.")  # fmt: skip
@click.option("--rounds", default=3, show_default=True, help="Rounds of all steps; the report has medians.")
@click.option("--changes", type=int, multiple=True, help="Changed rows, for the curves and pictures.")
@click.option("--only", multiple=True, help="Steps whose name has these words.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Where to work, instead of the system's place for it.")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Directory of results.json and the report.")
def main(accounts: tuple[int, ...], against: Path | None, rounds: int, changes: tuple[int, ...],
         only: tuple[str, ...], scratch: Path | None, to: Path) -> None:  # fmt: skip
    """Measure lc-ibis against hand-written SQL, and against another build of itself."""
    to.mkdir(parents=True, exist_ok=True)
    results = to / "results.json"
    load = os.getloadavg()[0]
    session: dict[str, Any] = {"rounds": rounds, "cores": os.cpu_count(), "turns": [], "counts": []}
    if scratch:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        root = Path(directory).resolve()
        who = builders(against, root)
        session["builds"] = {one.name: one.facts(root) for one in who if not one.is_floor}
        for size in [None, *sorted(set(accounts))]:
            place = Place(root / "place", size)
            runs, counts = measured(place, who, steps_of(place, changes, only), rounds)
            session["turns"] += runs
            session["counts"] += counts
            shutil.rmtree(place.root)
            # After each size: a large one may fail after hours.
            session["load"] = [round(one, 1) for one in (load, os.getloadavg()[0])]
            results.write_text(json.dumps(session, indent=1), encoding="utf-8")
    click.echo(target_table(Figures.of(results)))
    click.echo(f"wrote {write(results, to)}")


if __name__ == "__main__":
    main()
