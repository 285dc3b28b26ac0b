"""Each step of a pipeline's life in a process of its own, start to end; what is compared runs in one session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from conftest import Place, changes, run, sizes

# By name: whose, from the database of day 1 or none, the extracts, and options.
STEPS: dict[str, tuple[str, bool, str, tuple[str, ...]]] = {
    "floor, first build": ("floor", False, "day1", ("--no-lean",)),
    "lean floor, first build": ("floor", False, "day1", ("--lean",)),
    "floor, nothing changed": ("floor", True, "day1", ("--day2",)),
    "floor, day 2": ("floor", True, "day2", ("--day2",)),
    "first build": ("ours", False, "day1", ()),
    "full refresh": ("ours", True, "day2", ("--full-refresh",)),
    "nothing changed": ("ours", True, "day1", ()),
    "day 2, full extract": ("ours", True, "day2", ()),
    "day 2, delta": ("ours", True, "delta", ("--delivery", "delta")),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    known = sizes(metafunc.config)
    if "changed" in metafunc.fixturenames:
        many = [(known[-1], rows) for rows in changes(metafunc.config)]
        same = [(size, 1_000) for size in known]
        pairs = [(size, rows) for size, rows in dict.fromkeys([*same, *many]) if rows <= size // 10]
        metafunc.parametrize(("place", "changed"), sorted(pairs), indirect=["place"])
        metafunc.parametrize("delivery", ["full", "delta"])
    else:
        metafunc.parametrize("place", known, indirect=True)
        metafunc.parametrize("step", STEPS)


def test_step(benchmark: Any, place: Place, step: str, rounds: int) -> None:
    """The steps of PEERS: first build, nothing changed, day 2, by lc-ibis and by hand."""
    who, from_day1, inputs, options = STEPS[step]

    def to() -> Path:
        return place.copy_of_day1(who) if from_day1 else place.fresh()

    def command() -> list[str]:
        return place.command(who, place.root / inputs, to(), *options)

    measure(benchmark, command, rounds, {"accounts": place.accounts, "step": step})


def test_change(benchmark: Any, place: Place, changed: int, delivery: str, rounds: int) -> None:
    """A day with a given number of changed rows."""
    inputs = place.changed(changed) / ("day2" if delivery == "full" else "delta")

    def command() -> list[str]:
        return place.command("ours", inputs, place.copy_of_day1("ours"), "--delivery", delivery)

    measure(benchmark, command, rounds, {"accounts": place.accounts, "changed": changed, "delivery": delivery})


def measure(benchmark: Any, command: Callable[[], list[str]], rounds: int, facts: dict[str, Any]) -> None:
    """Time a command, made anew for each round; copying databases is not timed."""
    taken = []

    def setup() -> tuple[tuple[list[str]], dict[str, Any]]:
        return (command(),), {}

    benchmark.pedantic(lambda words: taken.append(run(words)), setup=setup, rounds=rounds)
    benchmark.extra_info.update(facts)
    benchmark.extra_info["cpu_seconds"] = median(t.cpu_seconds for t in taken)
    benchmark.extra_info["peak_mb"] = max(t.peak_mb for t in taken)
    if taken[-1].printed.startswith("{"):
        benchmark.extra_info["report"] = shortened(json.loads(taken[-1].printed))


def shortened(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the report of a build says of its cost."""
    layers: dict[str, float] = {}
    for table in report["tables"]:
        layers[table["layer"]] = layers.get(table["layer"], 0.0) + table["seconds"]
    names = ("seconds", "checks_seconds", "outputs_seconds", "total_checks", "status")
    return {name: report[name] for name in names} | {"layers": layers}
