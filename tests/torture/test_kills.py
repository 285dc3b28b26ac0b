"""Killed anywhere, all is as before or as after, and the same command again ends as if nothing had been.

A few kills here; as many as you like of each operation with `pytest tests/torture/test_kills.py --runs 300 --seed 7`.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, cast

import duckdb
import pytest

import lc_ibis
from lc_ibis.engine import state
from tests import old_databases
from tests.conftest import ACCOUNT, CUSTOMER, Lending, Row, write_csv
from tests.migrating import Moving
from tests.torture import killing

ROOT = Path(__file__).parents[2]
FEW = 6
# What is on disk beside tables and outputs, as names begin or end.
_BESIDE = (".before-restore-", "quality_report_")


class Killer:
    """A process that runs operations and kills them; see killing."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.torture.killing"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self, place: Lending, operation: str, **kill: Any) -> dict[str, Any]:
        """Run an operation, to be killed at a step, when a file has so many bytes, or after seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"root": str(place.root), "operation": operation, **kill}) + "\n")
        self._process.stdin.flush()
        return cast(dict[str, Any], json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with closing(Killer()) as killer:
        yield killer


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what two runs write can be compared."""
    monkeypatch.setattr(state, "utc_now", lambda: killing.NOW)


def customers(day: int) -> list[Row]:
    """Return some rows, of which a few are refused, and on the second day others are new, changed or gone."""
    rng = Random(day)
    rows: list[Row] = [(str(n), f"Name {n}", "Yes" if n % 3 else "No") for n in range(1, 200)]
    rows = [row for row in rows if day == 1 or rng.random() > 0.05]
    rows = [(a, f"{b} II", c) if day == 2 and rng.random() < 0.1 else (a, b, c) for a, b, c in rows]
    return [*rows, ("x", "No number", "Yes"), (str(1000 + day), "New", "None")]


def accounts(day: int) -> list[Row]:
    rng = Random(day)
    rows: list[Row] = [(f"A{n}", str(n % 210), f"{n}.50", "Savings" if n % 4 else "Checking") for n in range(1, 600)]
    rows = [row for row in rows if day == 1 or rng.random() > 0.05]
    rows = [(a, b, f"{c[:-2]}75", d) if day == 2 and c and rng.random() < 0.1 else (a, b, c, d) for a, b, c, d in rows]
    return [*rows, ("B1", "1", "1e5", "Savings"), (f"C{day}", "2", "7.00", "Savings")]


def _first(place: Lending) -> None:
    place.deliver(customers(1), accounts(1))


def _second(place: Lending) -> None:
    _first(place)
    place.build()
    place.deliver(customers(2), accounts(2))


def _delta(place: Lending) -> None:
    _first(place)
    place.build()
    rows = [(*row, "upsert") for row in accounts(2)[:50]] + [(f"A{n}", "", "", "", "delete") for n in range(300, 330)]
    write_csv(place.inputs / "accounts.csv", (*ACCOUNT, "_op"), rows)
    write_csv(place.inputs / "Customer.csv", (*CUSTOMER, "_op"), [("7", "Renamed", "No", ""), ("8", "", "", "delete")])


def _restore(place: Lending) -> None:
    _first(place)
    place.build()
    lc_ibis.backup(place.root / "backup", database=place.database, outputs=place.outputs)
    place.deliver(customers(2), accounts(2))
    place.build(allow_mass_delete=True)


def _built(place: Lending) -> None:
    _second(place)
    place.build(allow_mass_delete=True)
    lc_ibis.export("account_summary", place.root / "marts.csv", as_of="1", database=place.database)


PREPARED: dict[str, Callable[[Lending], None]] = {
    "first": _first, "by key": _second, "full refresh": _second, "delta": _delta, "partitioned": _second,
    "restore": _restore, "export": _built,
}  # fmt: skip


def tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table of a database, what the engine remembers too; none where nothing is built."""
    if not database.exists():
        return {}
    with duckdb.connect(str(database), read_only=True) as con:
        names = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        return {
            f"{layer}.{name}": sorted(con.execute(f'FROM "{layer}"."{name}"').fetchall(), key=repr)
            for layer, name in names
        }


def files(place: Lending) -> dict[str, bytes]:
    """Return the bytes of every other file of a place."""
    return {
        path.relative_to(place.root).as_posix(): path.read_bytes()
        for path in sorted(place.root.rglob("*"))
        if path.is_file() and path.name != place.database.name and not any(part in path.name for part in _BESIDE)
    }


def outputs(found: dict[str, bytes]) -> dict[str, bytes]:
    """Return those files that people read: all but what is being written beside its place, named with a dot."""
    is_read = {name for name in found if not any(part.startswith(".") for part in name.split("/"))}
    return {name: found[name] for name in is_read if not name.startswith(("inputs/", "lc.duckdb"))}


class Case:
    """An operation, and a place before and after it."""

    def __init__(self, root: Path, killer: Killer, operation: str, prepare: Callable[[Lending], None]):
        self.root, self.killer, self.operation = root, killer, operation
        self.before, self.after = Lending(root / "before"), Lending(root / "after")
        prepare(self.before)
        shutil.copytree(self.before.root, self.after.root, dirs_exist_ok=True)
        done = killer.run(self.after, operation)
        assert done["ended"] == 0, done["steps"][-1:]
        self.steps, self.seconds = done["steps"], done["seconds"]
        self.most_bytes = max(path.stat().st_size for path in self.after.root.rglob("*") if path.is_file())
        self.tables = tables(self.before.database), tables(self.after.database)
        self.files = files(self.before), files(self.after)

    def kills(self, seed: int, runs: int) -> list[dict[str, Any]]:
        """Return where to kill: every step in turn where there are as many runs, then writes and moments."""
        rng = Random(f"{seed} {self.operation}")
        at_steps = [{"step": step} for step in range(len(self.steps))]
        # More of its steps are near its end, where files are moved, than at random places.
        last = rng.sample(at_steps[-30:], min(30, len(at_steps)))
        first = rng.sample(at_steps[:-30], max(len(at_steps) - 30, 0))
        mixed = [step for pair in zip(last, first, strict=False) for step in pair]
        chosen = [*mixed, *first[len(last) :], *last[len(first) :]][: max(runs * 2 // 3, 1)]
        while len(chosen) < runs:
            chosen.append({"bytes": rng.randrange(self.most_bytes)})
            chosen.append({"seconds": rng.uniform(0, self.seconds)})
        return chosen[:runs]

    def try_out(self, kill: dict[str, Any]) -> int:
        """Kill the operation once, and look at what it left; return how it ended."""
        place = Lending(self.root / "killed")
        shutil.rmtree(place.root)
        shutil.copytree(self.before.root, place.root)
        ended = int(self.killer.run(place, self.operation, **kill)["ended"])
        assert ended in (0, 1, -signal.SIGKILL, -signal.SIGXFSZ), f"ended with {ended}"
        self.verify(place)
        assert self.killer.run(place, self.operation)["ended"] == 0, "the next one fails"
        assert tables(place.database) == self.tables[1], "tables after the next one"
        assert files(place) == self.files[1], "files after the next one"
        return ended

    def verify(self, place: Lending) -> None:
        """All tables are those of before, or of after; every file that people read is one of the two."""
        found, read = tables(place.database), outputs(files(place))
        assert found in self.tables or not found, "tables"
        before, after = (outputs(each) for each in self.files)
        partial = {name for name, content in read.items() if content not in (before.get(name), after.get(name))}
        assert not partial, f"partial files: {partial}"
        lost = before.keys() & after.keys() - read.keys()
        assert not lost or self.operation == "partitioned", f"lost: {lost}"
        if found != self.tables[1]:
            assert read == before, "files of tables that are not there yet"


def _test(case: Case, seed: int, runs: int | None) -> None:
    faults, ends = [], []
    for number, kill in enumerate(case.kills(seed, FEW if runs is None else runs)):
        try:
            ends.append(case.try_out(kill))
        except Exception as error:
            where = f"{kill} ({case.steps[kill['step']]})" if "step" in kill else str(kill)
            faults.append(f"--seed {seed}, run {number}, {where}: {type(error).__name__}: {error}"[:2000])
    print(f"\n{case.operation}: {len(case.steps)} steps, {len(ends)} kills, {ends.count(0)} of them too late")
    assert not faults, "\n".join(faults)
    assert ends.count(0) < len(ends)


@pytest.mark.parametrize("operation", PREPARED)
def test_killed_anywhere_all_is_as_before_or_as_after(
    operation: str, killer: Killer, tmp_path: Path, runs: int | None, seed: int
) -> None:
    _test(Case(tmp_path, killer, operation, PREPARED[operation]), seed, runs)


class Migrating(Case):
    """A migration goes on where it was killed, a phase at a time, and can be taken back."""

    def try_out(self, kill: dict[str, Any]) -> int:
        place = Lending(self.root / "killed")
        shutil.rmtree(place.root)
        shutil.copytree(self.before.root, place.root)
        moving = Moving(place, place.root / "before/old.duckdb")
        ended = int(self.killer.run(place, self.operation, **kill)["ended"])
        assert ended in (0, -signal.SIGKILL, -signal.SIGXFSZ), f"ended with {ended}"
        assert self.killer.run(place, self.operation)["ended"] == 0, "it does not go on"
        assert set(moving.statuses()) == {"applied"}
        assert all(found.status == "identical" for found in lc_ibis.verify(database=place.database))
        assert not [table for table in moving.marts() if table.unexplained]
        moving.rollback()
        assert not place.database.exists(), "rolled back"
        return ended


def test_a_migration_that_is_killed_goes_on(killer: Killer, tmp_path: Path, runs: int | None, seed: int) -> None:
    def prepare(place: Lending) -> None:
        old_databases.five_layers(place.root / "before/old.duckdb", (customers(1), accounts(1)))

    _test(Migrating(tmp_path, killer, "migrate", prepare), seed, runs)


def test_what_kills_are_compared_with_is_right(killer: Killer, tmp_path: Path) -> None:
    case = Case(tmp_path, killer, "by key", PREPARED["by key"])
    assert case.tables[0] != case.tables[1]
    assert len([step for step in case.steps if step.startswith("_run")]) > 100
    assert all(found.status == "identical" for found in lc_ibis.verify(database=case.after.database))
    history = {row[:3] for row in case.tables[0]["snapshots.snap_account"]}
    assert history <= {row[:3] for row in case.tables[1]["snapshots.snap_account"]}
