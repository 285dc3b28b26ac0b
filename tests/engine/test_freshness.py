"""How old sources are, by their files and by their rows, and what follows from it."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from lc_ibis.api.build import run_pipeline
from lc_ibis.cli import main
from lc_ibis.engine.state.run import Freshness, Run
from lc_ibis.errors import SettingsError, StaleSource
from lc_ibis.layers import pipeline
from lc_ibis.settings import Settings
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending

NOON = datetime(2026, 3, 1, 12)


def _written(path: Path, at: datetime) -> None:
    stamp = at.replace(tzinfo=timezone.utc).timestamp()
    os.utime(path, (stamp, stamp))


def _build(lending: Lending, now: datetime, **options: object) -> Run:
    settings = Settings.load(**lending.places(), allow_mass_delete=True, **options)
    return run_pipeline(pipeline, settings, now=now)


def _of(run: Run, source: str) -> Freshness:
    return next(found for found in run.freshness if found.source == source)


@pytest.mark.parametrize("backend", WIDELY)
def test_files_and_rows_have_ages_of_their_own(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    _written(lending.inputs / "accounts.csv", NOON - timedelta(hours=3))
    first = _of(_build(lending, NOON), "src_account")
    assert (first.file_hours, first.data_hours, first.status) == (3, 0, "pass")
    assert (first.modified_at, first.changed_at) == (NOON - timedelta(hours=3), NOON)

    lending.deliver(accounts=[("A1", "1", "7", "Savings")])
    _written(lending.inputs / "accounts.csv", NOON + timedelta(hours=9))
    _build(lending, NOON + timedelta(hours=10))
    run = _build(lending, NOON + timedelta(hours=15))
    assert run.status == "unchanged"
    again = _of(run, "src_account")
    assert (again.file_hours, again.data_hours) == (6, 5)
    assert _of(run, "src_customer").data_hours == 15


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, "pass"), ({"warn_file_age": 3}, "pass"), ({"warn_file_age": 2.9}, "warn"), ({"max_file_age": 2.9}, "fail"),
        ({"warn_data_age": 1}, "warn"), ({"max_data_age": 1}, "fail"), ({"warn_data_age": 2, "max_data_age": 3}, "pass"),
        ({"warn_file_age": 1, "warn_error": True}, "fail"),
    ],
)  # fmt: skip
def test_a_stale_source_is_a_warning_or_stops_the_build(
    lending: Lending, options: dict[str, float], status: str
) -> None:
    lending.deliver([ALICE], [SAVINGS])
    _build(lending, NOON - timedelta(hours=2))
    before = lending.files()
    lending.deliver(customers=[("1", "Alice Two", "No")])
    for path in lending.inputs.iterdir():
        _written(path, NOON - timedelta(hours=3))
    if status == "fail":
        with pytest.raises(StaleSource, match=r"src_account: files 3\.0 h old, rows unchanged for 2\.0 h"):
            _build(lending, NOON, **options)
        assert lending.files() == before
        [report] = [json.loads(path.read_text()) for path in lending.reports.glob("*T1200*")]
        assert report["error"].startswith("Sources are stale. Nothing was published")
    else:
        assert _of(_build(lending, NOON, **options), "src_account").status == status


def test_the_newest_of_several_files_counts(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    directory = lending.inputs / "accounts"
    directory.mkdir()
    for hours in (5, 2, 9):
        (directory / f"{hours}.csv").write_text(f"AccountID,CustomerID,Balance,AccountType\nA{hours},1,5,Savings\n")
        _written(directory / f"{hours}.csv", NOON - timedelta(hours=hours))
    (lending.inputs / "accounts.csv").unlink()
    assert _of(_build(lending, NOON), "src_account").file_hours == 2


def test_a_delta_that_was_taken_before_has_an_age_too(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    for name, header in (
        ("Customer", "CustomerID,Name,HasLoan,_op"),
        ("accounts", "AccountID,CustomerID,Balance,AccountType,_op"),
    ):
        (lending.inputs / f"{name}.csv").write_text(header + "\n")
    later = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(hours=4)
    for _ in range(2):
        run = _build(lending, later, delivery="delta")
        assert 3.9 < _of(run, "src_account").file_hours < 4.1


def test_the_build_says_so(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    _written(lending.inputs / "accounts.csv", NOON)
    places = [word for name, place in lending.places().items() for word in (f"--{name}", str(place))]
    result = CliRunner().invoke(main, ["build", *places, "--warn-file-age", "24"])
    assert result.exit_code == 0
    assert "WARN src_account: files " in result.output
    [report] = [json.loads(path.read_text()) for path in lending.reports.iterdir()]
    found = {entry["source"]: entry for entry in report["freshness"]}
    assert found["src_account"]["modified_at"] == NOON.isoformat()
    assert (found["src_account"]["status"], found["src_customer"]["status"]) == ("warn", "pass")


@pytest.mark.parametrize("hours", [-1, float("nan"), float("inf"), "soon", True])
def test_an_age_that_is_none_is_refused(lending: Lending, hours: object) -> None:
    with pytest.raises(SettingsError, match="max_file_age"):
        lending.build(max_file_age=hours)
