"""Interrupted anywhere, all is as before or as after, and nothing is left beside it.

A few steps here; as many as you like of each operation with `pytest tests/torture/test_interruptions.py --runs 300`.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Lending
from tests.torture.cases import PREPARED, Case, Killer, files
from tests.torture.killing import INTERRUPTED

pytestmark = pytest.mark.usefixtures("of_few_rows")

FEW = 2


class Interrupting(Case):
    """An operation that a signal interrupts."""

    def try_out(self, kill: dict[str, Any]) -> int:
        place = Lending(self.root / "killed")
        shutil.rmtree(place.root)
        shutil.copytree(self.before.root, place.root)
        done = self.killer.run(place, self.operation, signal=signal.SIGTERM, **kill)
        assert done["ended"] == INTERRUPTED, done["steps"][-1]
        self.verify(place)
        left = files(place).keys() - self.files[0].keys() - self.files[1].keys()
        assert not left, "files that are left"
        assert self.killer.run(place, self.operation)["ended"] == 0, "the next one fails"
        assert files(place) == self.files[1], "files after the next one"
        return INTERRUPTED


@pytest.mark.parametrize("operation", PREPARED)
def test_interrupted_anywhere_nothing_is_left_beside(
    operation: str, killer: Killer, tmp_path: Path, runs: int | None, seed: int
) -> None:
    """Every other time by a second signal too, as timeout sends it to a process and to its group."""
    case = Interrupting(tmp_path, killer, operation, PREPARED[operation])
    steps = [kill for kill in case.kills(seed, runs or 2 * FEW) if "step" in kill][: runs or FEW]
    faults = []
    for number, kill in enumerate(steps):
        try:
            case.try_out({**kill, "again": number % 2 == 1})
        except Exception as error:
            faults.append(f"--seed {seed}, run {number}, {kill} ({case.steps[kill['step']]}): {error}"[:2000])
    assert steps
    assert not faults, "\n".join(faults)
