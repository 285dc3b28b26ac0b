"""Any input ends in a build that accounts for every row, or in an error of ours that changes nothing.

A few hundred inputs here; as many as you like with `pytest tests/torture/test_inputs.py --runs 10000 --seed 7`.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from lc_ibis.declare.models import Model, Source
from lc_ibis.engine.store import Files
from lc_ibis.errors import ExtractError, LcIbisError
from lc_ibis.layers import pipeline
from tests.conftest import Lending
from tests.patience import HANGING
from tests.torture import plain_reading
from tests.torture.mutations import numbers
from tests.torture.places import DATA, fill
from tests.torture.readers import Readers

pytestmark = pytest.mark.usefixtures("of_few_rows")

FEW_READ, FEW_BUILT = 200, 25
# A line that is longer is refused, whatever is in it.
LONGEST_LINE = 2_000_000
LONGEST_MESSAGE = 20_000


class Hung(BaseException):
    """An input that is never done with; no error of the system's, which might be taken for the file's."""


@contextmanager
def guarded() -> Iterator[None]:
    """Raise Hung where something takes too long; where even that is not heard, end with a traceback."""

    def hung(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(HANGING)
    faulthandler.dump_traceback_later(2 * HANGING, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readers]:
    with Readers(tmp_path_factory.mktemp("readers") / "lc.duckdb") as readers:
        yield readers


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lending:
    """A place that was built from the sample, with a copy of it that nothing touches."""
    place = Lending(tmp_path_factory.mktemp("built") / "place")
    shutil.rmtree(place.inputs)
    shutil.copytree(DATA / "inputs", place.inputs)
    place.build()
    shutil.copytree(place.root, place.root.parent / "sound")
    return place


def verify_received(files: list[Files], headers: tuple[str, ...], rows: Counter[plain_reading.Row]) -> None:
    """Compare the received rows with those of a second reader; where that one has doubts, only how many they are."""
    expected: Counter[plain_reading.Row] = Counter()
    count, is_clear = 0, True
    for path in (path for group in files for path in group.paths):
        if path.name.lower().endswith(".parquet"):
            count, is_clear = count + pq.read_metadata(path).num_rows, False
            continue
        try:
            found = plain_reading.received(path, headers)
            expected, count = expected + found, count + found.total()
        except plain_reading.Unclear:
            found_roughly = plain_reading.roughly(path)
            assert {len(row) for row in found_roughly} <= {len(headers)}, "widths"
            count, is_clear = count + len(found_roughly), False
    assert rows.total() == count, f"{rows.total()} received of {count}"
    assert not is_clear or rows == expected, f"{rows - expected} received, not {expected - rows}"[:500]


def verify_refusal(path: Path, headers: tuple[str, ...], error: LcIbisError) -> None:
    """The message is one, and a file in which a second reader finds nothing wrong has no rows or is too long."""
    assert 0 < len(str(error)) < LONGEST_MESSAGE, "message"
    others = [other for other in path.parent.glob(f"{path.stem}*") if other != path]
    if others or path.is_symlink() or not path.is_file():
        return
    with suppress(plain_reading.Unclear):
        found = plain_reading.received(path, headers)
        assert not found or path.stat().st_size >= LONGEST_LINE, f"refused without a reason: {error}"[:500]


def test_readers_take_every_row_or_refuse_the_file(
    readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int | None, seed: int
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = tmp_path / "inputs"
    outcomes: Counter[str] = Counter()
    faults = []
    for run in range(FEW_READ if runs is None else runs):
        done = fill(numbers(seed, run), inputs)
        for model in readers.sources:
            headers = tuple(model.contract.headers().values())
            try:
                with guarded():
                    outcomes[_read(readers, model, inputs, headers)] += 1
            except (Exception, Hung) as error:
                faults.append(f"--seed {seed}, run {run}: {done}: {error!r}"[:1000])
    print(f"\n{outcomes.total() + len(faults)} sources: {dict(outcomes)}, {len(faults)} faults")
    assert not faults, "\n".join(faults)
    assert min(outcomes["read"], outcomes["refused"]) > outcomes.total() / 10


def _read(readers: Readers, model: Model, inputs: Path, headers: tuple[str, ...]) -> str:
    """Read a source; return what came of it."""
    try:
        files, rows, judged_count = readers.read(model, inputs)
    except ExtractError as error:
        verify_refusal(inputs / f"{cast(Source, model.kind).file}.csv", headers, error)
        return "refused"
    verify_received(files, headers, rows)
    assert judged_count == rows.total(), "ledger"
    return "read"


@pytest.mark.parametrize("delivery", ["full", "delta"])
def test_builds_account_for_every_row_or_change_nothing(
    built: Lending, monkeypatch: pytest.MonkeyPatch, delivery: str, runs: int | None, seed: int
) -> None:
    monkeypatch.chdir(built.root)
    outcomes: Counter[str] = Counter()
    faults = []
    for run in range(FEW_BUILT if runs is None else max(runs // 10, 1)):
        _as_sound(built)
        done = fill(numbers(seed, run), built.inputs, is_delta=delivery == "delta")
        try:
            with guarded():
                outcomes[_build(built, delivery, allow_mass_delete=run % 2 == 0)] += 1
        except (Exception, Hung) as error:
            faults.append(f"--seed {seed}, run {run}: {done}: {error!r}"[:1000])
    print(f"\n{delivery}: {outcomes.total() + len(faults)} builds: {dict(outcomes)}, {len(faults)} faults")
    assert not faults, "\n".join(faults)
    assert outcomes["built"] > 0
    assert outcomes["ExtractError"] > 0


def _build(place: Lending, delivery: str, **options: Any) -> str:
    """Build; return what came of it."""
    before = place.files()
    try:
        status = place.build(delivery=delivery, **options).status
    except LcIbisError as error:
        refused = error
    else:
        verify_ledger(place)
        return status
    assert 0 < len(str(refused)) < LONGEST_MESSAGE, "message"
    assert place.files() == before, f"changed by what was refused: {refused}"
    return type(refused).__name__


def _as_sound(place: Lending) -> None:
    """Put back what the last input changed."""
    sound = place.root.parent / "sound"
    shutil.copy(sound / place.database.name, place.database)
    for directory in (place.outputs, place.reports):
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(sound / directory.name, directory)
    for leftover in place.root.glob("lc.duckdb.*"):
        os.unlink(leftover)


def verify_ledger(place: Lending) -> None:
    """Law 1 (docs/laws.md), counted in the tables themselves."""
    counts = {name: len(rows) for name, rows in place.contents().items()}
    for source in (model.name.removeprefix("src_") for model in pipeline if model.name.startswith("src_")):
        assert counts[f"src_{source}"] == counts[f"stg_{source}"] + counts[f"quarantine_stg_{source}"]
