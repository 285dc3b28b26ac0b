"""From single runs to the figures of a step: medians of rounds, and ratios between those of one session."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from builders import NOW, STEPS, THEN
from places import Turn

LATE = ("intermediate", "marts")


def recorded(turn: Turn, accounts: int | None) -> dict[str, Any]:
    """Return a run as results.json has it."""
    taken = turn.taken
    facts = {"accounts": accounts, "step": turn.step.name, "builder": turn.builder.name, "round": turn.round}
    if turn.step.changed is not None:
        facts |= {"changed": turn.step.changed, "delivery": turn.step.options[1]}
    cost = {name: round(getattr(taken, name), 3) for name in ("cpu_seconds", "wall_seconds", "peak_mb")}
    report = {"report": shortened(json.loads(taken.printed))} if taken.printed.startswith("{") else {}
    return {**facts, **cost, **report}


def shortened(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the report of a build says of its cost."""
    layers: dict[str, float] = {}
    for table in report["tables"]:
        layers[table["layer"]] = layers.get(table["layer"], 0.0) + table["seconds"]
    names = ("seconds", "checks_seconds", "outputs_seconds", "total_checks", "status")
    return {name: report.get(name) for name in names} | {"layers": layers}


@dataclass(frozen=True)
class Figures:
    """All that a session found, as results.json has it."""

    session: dict[str, Any]

    @classmethod
    def of(cls, file: Path) -> Figures:
        return cls(json.loads(file.read_text(encoding="utf-8")))

    @property
    def sizes(self) -> list[int | None]:
        """The sizes that were measured, the sample (None) first."""
        return sorted({turn["accounts"] for turn in self.session["turns"]}, key=lambda size: size or 0)

    @property
    def has_then(self) -> bool:
        return THEN in self.session["builds"]

    def turns(self, size: int | None, step: str, builder: str) -> list[dict[str, Any]]:
        """Return the rounds of a step."""
        wanted = (size, step, builder)
        return [one for one in self.session["turns"] if (one["accounts"], one["step"], one["builder"]) == wanted]

    def of_rounds(self, size: int | None, step: str, builder: str, what: str | Callable[..., float]) -> list[float]:
        """Return what each round took: of a name like cpu_seconds, or of what a function reads from a round."""
        read = (lambda one: one[what]) if isinstance(what, str) else what
        return [read(one) for one in self.turns(size, step, builder)]

    def median(
        self, size: int | None, step: str, builder: str = NOW, what: str | Callable[..., float] = "cpu_seconds"
    ) -> float | None:
        """Return the median of the rounds; None where there was none."""
        found = self.of_rounds(size, step, builder, what)
        return median(found) if found else None

    def most(self, size: int | None, step: str, builder: str = NOW) -> float | None:
        """Return the highest peak of memory of all rounds, in MB."""
        return max(self.of_rounds(size, step, builder, "peak_mb"), default=None)

    def counts(self, size: int | None, step: str, builder: str = NOW) -> dict[str, Any] | None:
        """Return what was counted of a step."""
        wanted = (size, step, builder)
        found = [one for one in self.session["counts"] if (one["accounts"], one["step"], one["builder"]) == wanted]
        return found[0] if found else None

    def steps(self, size: int | None) -> list[str]:
        """Return the steps of a size in the order of a pipeline's life."""
        known = {turn["step"] for turn in self.session["turns"] if turn["accounts"] == size}
        return [step.name for step in STEPS if step.name in known]


def late_seconds(turn: dict[str, Any]) -> float:
    """Return the seconds of intermediate and marts, by the build's own report."""
    return float(sum(turn["report"]["layers"].get(layer, 0.0) for layer in LATE))


def ratio(above: float | None, below: float | None) -> float | None:
    """Return a ratio; None where a side is missing or nothing."""
    return above / below if above is not None and below else None
