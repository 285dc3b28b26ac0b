"""The sample of two days, as the README has it; the golden files were calculated by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import LONG, Lending

pytestmark = pytest.mark.parametrize("backend", LONG)

DAYS = {"day1": ROOT / "data" / "inputs", "day2": ROOT / "data" / "inputs_day2"}
GOLDEN = ROOT / "tests/golden"


@pytest.fixture
def two_days(lending: Lending) -> Lending:
    for inputs in DAYS.values():
        lending.inputs = inputs
        assert lending.build().status == "built"
    return lending


def _columns(path: Path, names: list[str]) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{name: row[name] for name in names} for row in csv.DictReader(file)]


def _golden(day: str, table: str) -> list[dict[str, str]]:
    with (GOLDEN / f"{day}_{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("table", ["account_summary", "customer_profile"])
def test_outputs_are_the_golden_files_day_by_day(lending: Lending, table: str) -> None:
    for day, inputs in DAYS.items():
        lending.inputs = inputs
        lending.build()
        golden = _golden(day, table)
        assert _columns(lending.outputs / f"{table}.csv", list(golden[0])) == golden


def test_the_ledger_of_each_day(lending: Lending) -> None:
    names = ("received", "accepted", "refused", "held", "current", "joined", "without_customer")
    expected = {
        "day1": [(33, 18, 15, 0, 18, 15, 3), (25, 14, 11, 0, 14, None, None)],
        "day2": [(32, 19, 13, 1, 20, 17, 3), (24, 15, 9, 1, 16, None, None)],
    }
    for day, inputs in DAYS.items():
        lending.inputs = inputs
        assert [tuple(row[f"{n}_count"] for n in names) for row in lending.build().ledger] == expected[day]


def test_day_two_closes_and_opens_versions(two_days: Lending) -> None:
    versions = two_days.rows("snap_account", "account_id", "balance_amount", "account_type", "dbt_valid_to")
    by_account = {key: [v for v in versions if v[0] == key] for key in ("A001", "A005", "A006", "A012")}
    assert [(str(v[1]), v[3] is None) for v in by_account["A001"]] == [("5000.00", False), ("5500.00", True)]
    assert [(v[2], v[3] is None) for v in by_account["A005"]] == [("savings", False), ("checking", True)]
    assert [v[3] is None for v in by_account["A006"]] == [False]
    assert [v[3] is None for v in by_account["A012"]] == [True]


def test_the_first_day_can_be_read_back_after_the_second(lending: Lending) -> None:
    lending.inputs = DAYS["day1"]
    first = lending.build()
    published = lending.rows("account_summary")
    lending.inputs = DAYS["day2"]
    lending.build()
    again = lending.rows("account_summary", as_of=first.run_at)
    assert again == published
    assert lending.rows("account_summary") != published


def test_every_reason_of_refusal_is_in_the_sample(lending: Lending) -> None:
    lending.inputs = DAYS["day1"]
    lending.build()
    reasons = [
        reason.split(":")[0]
        for table in ("quarantine_stg_customer", "quarantine_stg_account")
        for reason in lending.rows(table, "failure_reason")
    ]
    assert set(reasons) == {
        "customer_id is blank", "customer_id is not an integer", "name is blank", "has_loan is neither yes nor no",
        "customer_id comes more than once, with the same values",
        "customer_id comes more than once, with different values",
        "account_id is blank", "balance is blank", "balance is not a plain decimal",
        "balance does not fit decimal(18,2)", "balance is negative", "account_type is blank",
        "account_type is neither savings nor checking", "account_id comes more than once, with the same values",
        "account_id comes more than once, with different values",
    }  # fmt: skip
