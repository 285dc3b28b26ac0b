"""Where it is measured: the extracts of one size, each builder's own day 1, and rounds of steps turn and turn about."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import instructions
from builders import FIRST, Builder, Step
from generate import generate
from processes import Taken, run

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "data"


class Place:
    """A directory with the extracts of one size; day 1 is built by each on its first use."""

    def __init__(self, root: Path, accounts: int | None):
        self.root, self.accounts = root, accounts
        root.mkdir()
        if accounts is None:
            for day, name in (("day1", "inputs"), ("day2", "inputs_day2")):
                shutil.copytree(SAMPLE / name, root / day)
        else:
            generate(accounts, seed=1, directory=root)

    def changed(self, rows: int, delivery: str) -> Step:
        """Return a step whose extracts differ from day 1 by so many rows."""
        directory = self.root / f"changed_{rows}"
        if not directory.exists():
            generate(self.accounts or 0, seed=1, directory=directory, changed=rows, first_day=False)
        day = f"{directory.name}/{'day2' if delivery == 'full' else 'delta'}"
        return Step(f"{rows:,} changed rows, {delivery}", day, options=("--delivery", delivery), changed=rows)

    def take(self, builder: Builder, step: Step, *words: str) -> Taken:
        """Run a step once, with more words for its command; copying the database of day 1 is not counted."""
        command = [*self._ready(builder, step), *words]
        return run(command, self.root, builder.environment())

    def count(self, builder: Builder, step: Step) -> dict[str, Any]:
        """Run a step for each that is counted: instructions; calls and compilations; statements."""
        command = self._ready(builder, step)
        found = {"instructions": instructions.counted(lambda: run(command, self.root, builder.environment()))}
        python, _, _, *build = self._ready(builder, step)
        counts = self.root / "counts.json"
        command = [python, str(HERE / "counted_build.py"), str(counts), *build]
        run(command, self.root, builder.environment(PYTHONHASHSEED="0"))
        found |= json.loads(counts.read_text())
        told = re.findall(r"^(\d+) statements in ", self.take(builder, step, "--debug").complained, re.MULTILINE)
        return {**found, "statements": sum(map(int, told)) if told else None}

    def _ready(self, builder: Builder, step: Step) -> list[str]:
        """Make the directory that the step starts from, and return its command."""
        target = self.root / "round"
        shutil.rmtree(target, ignore_errors=True)
        if step.from_day1:
            shutil.copytree(self._day1(builder), target)
        else:
            target.mkdir()
        return builder.command(step, self.root / step.day, target)

    def _day1(self, builder: Builder) -> Path:
        made = self.root / f"{builder.name} day1"
        if not made.exists():
            made.mkdir()
            run(builder.command(FIRST, self.root / "day1", made), self.root, builder.environment())
        return made


@dataclass(frozen=True)
class Turn:
    """One run of one step by one builder."""

    builder: Builder
    step: Step
    round: int
    taken: Taken


def turns(place: Place, builders: Sequence[Builder], steps: Sequence[Step], rounds: int) -> Iterator[Turn]:
    """Run all steps, each by all builders in a row, and begin again: a noisy hour is then an hour of all."""
    for number in range(rounds):
        for step in steps:
            for builder in builders:
                if builder.takes(step):
                    yield Turn(builder, step, number, place.take(builder, step))
