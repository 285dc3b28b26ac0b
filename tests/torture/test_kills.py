"""Killed anywhere, or without room for a write, all is as before or as after, and the same command again ends as if
nothing had been.

A few kills here; as many as you like of each operation with `pytest tests/torture/test_kills.py --runs 300 --seed 7`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import lc_ibis
from tests import old_databases
from tests.conftest import Lending
from tests.migrating import Moving
from tests.torture.cases import ENDS, PREPARED, Case, Killer, accounts, customers

pytestmark = pytest.mark.usefixtures("of_few_rows")

FEW = 3


def _test(case: Case, seed: int, runs: int) -> None:
    faults, ends = [], []
    for number, kill in enumerate(case.kills(seed, runs)):
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
    _test(Case(tmp_path, killer, operation, PREPARED[operation]), seed, FEW if runs is None else runs)


class Migrating(Case):
    """A migration goes on where it was killed, a phase at a time, and can be taken back."""

    def try_out(self, kill: dict[str, Any]) -> int:
        place = Lending(self.root / "killed")
        shutil.rmtree(place.root)
        shutil.copytree(self.before.root, place.root)
        moving = Moving(place, place.root / "before/old.duckdb")
        ended = int(self.killer.run(place, self.operation, **kill)["ended"])
        assert ended in ENDS, f"ended with {ended}"
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

    _test(Migrating(tmp_path, killer, "migrate", prepare), seed, 1 if runs is None else runs)


def test_what_kills_are_compared_with_is_right(killer: Killer, tmp_path: Path) -> None:
    case = Case(tmp_path, killer, "by key", PREPARED["by key"])
    assert case.tables[0] != case.tables[1]
    assert len([step for step in case.steps if step.startswith("_run")]) > 100
    assert all(found.status == "identical" for found in lc_ibis.verify(database=case.after.database))
    history = {row[:3] for row in case.tables[0]["snapshots.snap_account"]}
    assert history <= {row[:3] for row in case.tables[1]["snapshots.snap_account"]}
