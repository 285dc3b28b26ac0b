"""Operations on a place, what they make of it, and a process that runs them and is killed; see killing."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, cast

import duckdb

import lc_ibis
from tests.conftest import ACCOUNT, CUSTOMER, Lending, Row, write_csv
from tests.patience import HANGING

ROOT = Path(__file__).parents[2]
READERS = "readers.duckdb"
# Done, refused, or killed; 2 is a traceback.
ENDS = (0, 1, -signal.SIGKILL, -signal.SIGXFSZ)
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
        self._process.communicate(timeout=HANGING)


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


def delta(place: Lending) -> None:
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


def _published(place: Lending) -> None:
    _second(place)
    place.build(publish=place.root / READERS, select=("source",))


PREPARED: dict[str, Callable[[Lending], None]] = {
    "first": _first, "by key": _second, "full refresh": _second, "delta": delta, "partitioned": _second,
    "published": _published, "compact": _built, "restore": _restore, "export": _built,
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
        if path.is_file()
        and path.name not in (place.database.name, READERS)
        and not any(part in path.name for part in _BESIDE)
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
        """Return how to disturb: every step in turn where there are as many runs, then writes and moments.

        A write may end the process, or fail as on a full disk.
        """
        rng = Random(f"{seed} {self.operation}")
        at_steps = [{"step": step} for step in range(len(self.steps))]
        # More of its steps are near its end, where files are moved, than at random places.
        last = rng.sample(at_steps[-30:], min(30, len(at_steps)))
        first = rng.sample(at_steps[:-30], max(len(at_steps) - 30, 0))
        mixed = [step for pair in zip(last, first, strict=False) for step in pair]
        chosen = [*mixed, *first[len(last) :], *last[len(first) :]][: max(runs * 2 // 3, 1)]
        while len(chosen) < runs:
            # Most files are small, and the database is large.
            chosen.append({"bytes": round(2 ** rng.uniform(8, 17)), "fails": True})
            chosen.append({"bytes": rng.randrange(self.most_bytes)})
            chosen.append({"seconds": rng.uniform(0, self.seconds)})
            chosen.append({"bytes": round(2 ** rng.uniform(8, 17))})
            chosen.append({"bytes": rng.randrange(self.most_bytes), "fails": True})
        return chosen[:runs]

    def try_out(self, kill: dict[str, Any]) -> int:
        """Kill the operation once, and look at what it left; return how it ended."""
        place = Lending(self.root / "killed")
        shutil.rmtree(place.root)
        shutil.copytree(self.before.root, place.root)
        ended = int(self.killer.run(place, self.operation, **kill)["ended"])
        assert ended in ENDS, f"ended with {ended}"
        self.verify(place)
        assert self.killer.run(place, self.operation)["ended"] == 0, "the next one fails"
        assert tables(place.database) == self.tables[1], "tables after the next one"
        assert files(place) == self.files[1], "files after the next one"
        if self.operation == "published":
            assert tables(place.root / READERS) == self.tables[1], "copy after the next one"
        return ended

    def verify(self, place: Lending) -> None:
        """All tables are those of before, or of after; every file that people read is one of the two."""
        found, read = tables(place.database), outputs(files(place))
        assert found in self.tables or not found, "tables"
        assert tables(place.root / READERS) in (*self.tables, {}), "copy for readers"
        before, after = (outputs(each) for each in self.files)
        partial = {name for name, content in read.items() if content not in (before.get(name), after.get(name))}
        assert not partial, f"partial files: {partial}"
        lost = before.keys() & after.keys() - read.keys()
        assert not lost or self.operation == "partitioned", f"lost: {lost}"
        if found != self.tables[1]:
            assert read == before, "files of tables that are not there yet"
