"""dbt itself, with --long: what it writes is what tests/dbt_histories.py writes, and is adopted truly."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lc_ibis import migrations
from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import MigrationError
from tests import dbt_histories as dbt
from tests.conftest import Lending
from tests.dbt_histories import Config, Row
from tests.dbt_project import DbtProject, find_dbt
from tests.histories import read_of

pytestmark = [
    pytest.mark.skipif("not config.getoption('--long')", reason="a day of dbt's takes 4 to 8 s: --long"),
    pytest.mark.skipif(find_dbt() is None, reason="there is no dbt: name its executable by LC_IBIS_TEST_DBT"),
]
CONFIGS = [
    ("ignore", None),
    ("invalidate", datetime(9999, 12, 31)),
    ("new_record", None),
    ("new_record", datetime(9999, 12, 31, 23, 59, 59, 999999)),
]
DAYS = 6
CUSTOMERS = [(f"{number}", ["Ann", "Bo"], ["Yes", "No"]) for number in range(1, 7)]


def _days(seed: int) -> list[dict[int, tuple[str, str, datetime]]]:
    """Return customers of some days: name, loan, and when they were loaded; keys go, and come back as they were."""
    chance = random.Random(seed)
    known: dict[int, tuple[str, str, datetime]] = {}
    days = []
    for day in range(DAYS):
        at = dbt.BEGIN + day * dbt.DAY
        for number, names, loans in CUSTOMERS:
            if int(number) not in known or chance.random() < 0.3:
                known[int(number)] = chance.choice(names), chance.choice(loans), at
        days.append({key: row for key, row in known.items() if chance.random() < 0.75 or key == 1})
    return days


def _cleaned(name: str, loan: str) -> tuple[str, bool]:
    return name.lower(), loan == "Yes"


def _written(project: DbtProject, name: str, values: tuple[str, ...], key: str) -> list[Row]:
    """Return the rows of dbt's table."""
    return [
        Row(
            row[key], tuple(row[n] for n in values), row["loaded_at"], row["dbt_scd_id"], row["dbt_updated_at"],
            row["dbt_valid_from"], row["dbt_valid_to"], row.get("dbt_is_deleted") == "True",
        )
        for row in project.rows(name)
    ]  # fmt: skip


def _plain(rows: list[Row]) -> list[Any]:
    """Return rows without their ids, which are of more than rows: a deletion's hashes another id."""
    return sorted((r.key, r.start, str(r.end), r.updated_at, r.values, r.is_deleted) for r in rows)


@pytest.mark.parametrize(("deletes", "far_end"), CONFIGS, ids=lambda value: str(value))
def test_what_dbt_writes_is_adopted_as_it_says(
    lending: Lending, tmp_path: Path, deletes: Any, far_end: datetime | None
) -> None:
    config = Config("timestamp", deletes, far_end)
    end = f"timestamp '{far_end}'" if far_end else None
    project = DbtProject(tmp_path / "dbt", hard_deletes=deletes, dbt_valid_to_current=end)
    ours = dbt.Snapshot(config)
    for day, there in enumerate(_days(len(deletes))):
        now = dbt.BEGIN + day * dbt.DAY + timedelta(hours=1)
        rows = [(str(key), name, loan, at) for key, (name, loan, at) in there.items()]
        project.load(rows, [("A1", "1", "5.00", "Savings")], now, clock=now)
        ours.load({key: (_cleaned(name, loan), at) for key, (name, loan, at) in there.items()}, now)
    theirs = _written(project, "snap_customer", ("customer_name", "has_loan_flag"), "customer_id")
    assert _plain(theirs) == _plain(ours.rows)
    places = {name: place for name, place in lending.places().items() if name != "inputs"}
    migrations.apply(
        project.database, (1, 2), adopt_snapshots=True, dbt_manifest=project.manifest,
        repairs=("returned-keys", "overlaps"), allow_mass_delete=True, **places,
    )  # fmt: skip
    last = dbt.BEGIN + DAYS * dbt.DAY
    for at in [moment for moment in dbt.moments(theirs) if moment < last]:
        found = {
            row["customer_id"]: (row["customer_name"], row["has_loan_flag"])
            for row in lending.rows("snap_customer")
            if row["dbt_valid_from"] <= at < (row["dbt_valid_to"] or datetime.max)
        }
        assert found == dbt.says(theirs, config, at), at


def test_a_dbt_elsewhere_writes_its_own_times_and_the_datas(lending: Lending, tmp_path: Path) -> None:
    """dbt ran in Kolkata on data in UTC; customer 2 was gone, and came back as it was."""
    project = DbtProject(
        tmp_path / "dbt", hard_deletes="new_record", timezone="Asia/Kolkata", raw_tables=True,
        added={"customer": "'North' AS region"},
    )  # fmt: skip
    before = utc_now()
    rows = [(str(key), "Ann", "Yes") for key in (1, 2, 3)]
    for there in (rows, [rows[0], rows[2]], rows):
        project.load(there, [("A1", "1", "5.00", "Savings")], dbt.BEGIN)
    elsewhere: dict[str, Any] = {"snapshot_timezone": "Asia/Kolkata", "data_timezone": "UTC"}
    found = read_of(project.database, dbt_manifest=project.manifest, repairs=("returned-keys",), **elsewhere)
    now = utc_now()
    assert "loaded_at and its copies are read as UTC, all others as Asia/Kolkata" in found.notes
    assert "region is not migrated" in found.notes
    assert found.starts[:2] + found.starts[3:] == [dbt.BEGIN] * 3
    assert before < found.starts[2] < now
    [gone] = [end for end in found.ends if end]
    assert before < gone < found.starts[2]
    assert before < found.accounts[0]["dbt_valid_from"] < now


def test_histories_in_another_database_are_asked_for(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "dbt", target_database="histories")
    project.load([("1", "Ann", "Yes")], [("A1", "1", "5.00", "Savings")], dbt.BEGIN)
    with pytest.raises(
        MigrationError, match="histories.snapshots.snap_customer, and this file has no .*another database file"
    ):
        read_of(project.database, dbt_manifest=project.manifest)
    with pytest.raises(MigrationError, match="there is no history to adopt as snap_customer and none as snap_account"):
        read_of(project.database)
