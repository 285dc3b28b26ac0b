"""Versions that ended long ago may be let go; never a current one, and what is gone is never guessed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import lc_ibis
from lc_ibis.engine.state import state
from lc_ibis.errors import SelectionError, SettingsError
from lc_ibis.moments import before
from tests.conftest import ALICE, Lending

START = datetime(2020, 1, 1)


@pytest.fixture
def years(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> Lending:
    """A place that was loaded once a year, each time with another balance; Bob is there in the first alone."""
    for year in range(5):
        monkeypatch.setattr(state, "utc_now", lambda year=year: START.replace(year=2020 + year))
        customers = [ALICE, ("2", "Bob", "No")] if year == 0 else [ALICE]
        lending.load(customers, [("A1", "1", f"{year + 1}000.00", "Savings"), ("A2", "1", "1.00", "Savings")])
    return lending


def starts(place: Lending, table: str) -> list[int]:
    return sorted(row.year for row in place.rows(table, "dbt_valid_from"))


def test_without_it_all_versions_stay(years: Lending) -> None:
    assert starts(years, "snap_account") == [2020, 2020, 2021, 2022, 2023, 2024]
    assert starts(years, "snap_customer") == [2020, 2020]


def test_versions_that_ended_before_it_go_and_current_ones_stay(years: Lending) -> None:
    marts = years.rows("account_summary")
    # The run before is of the first of January 2024, on which day of 2022 a version ended.
    run = years.build(keep_history="729d")
    assert starts(years, "snap_account") == [2020, 2022, 2023, 2024]
    assert starts(years, "snap_customer") == [2020]
    assert years.rows("account_summary") == marts
    done = {table.table: table for table in run.tables}
    assert done["snap_customer"].action == "updated"
    assert done["snap_customer"].reason == "old versions are let go"
    assert done["snap_customer"].row_count == 1
    assert done["account_summary"].action in ("unchanged", "skipped")
    assert all(found.status == "identical" for found in lc_ibis.verify(database=years.database))
    assert years.build(keep_history="729d").status == "unchanged"
    assert years.build().status == "unchanged"


def test_history_and_a_change_in_one_build(years: Lending) -> None:
    years.load(accounts=[("A1", "1", "9000.00", "Savings"), ("A2", "1", "1.00", "Savings")], keep_history="364d")
    assert starts(years, "snap_account") == [2020, 2023, 2024, 2024]
    assert years.rows("account_summary", "original_balance_amount") == [9000, 1]
    assert all(found.status == "identical" for found in lc_ibis.verify(database=years.database))
    counts = {t.name: t.row_count for t in lc_ibis.tables(database=years.database)}
    assert counts["snap_account"] == 4


def test_what_is_gone_is_not_known_any_more(years: Lending) -> None:
    assert years.rows("account_summary", "original_balance_amount", as_of="2020-06-01") == [1000, 1]
    years.build(keep_history="2y")
    with pytest.raises(SelectionError, match=r"snap_customer: versions that ended before 2022-01-01 .* were purged"):
        years.rows("snap_customer", as_of="2020-06-01")
    with pytest.raises(SelectionError, match="were purged"):
        years.rows("account_summary", as_of="2020-06-01")
    assert years.rows("account_summary", "original_balance_amount", as_of="2023-06-01") == [4000, 1]
    # A longer period brings nothing back, and is not believed to.
    years.build(keep_history="30y")
    with pytest.raises(SelectionError, match="were purged"):
        years.rows("snap_customer", as_of="2020-06-01")


def test_a_build_that_fails_lets_nothing_go(years: Lending) -> None:
    before_ = years.files()
    years.deliver(accounts=[("A1", "1", "none", "Savings"), ("A2", "1", "none", "Savings")])
    with pytest.raises(lc_ibis.LcIbisError):
        years.build(keep_history="1y", max_refused_share=0.5)
    assert years.files() == before_


@pytest.mark.parametrize("period", ["7", "y", "0y", "-1y", "7 years", "1.5y", "7y7y", ""])
def test_what_is_no_period_is_refused(lending: Lending, period: str) -> None:
    with pytest.raises(SettingsError, match="keep_history"):
        lending.build(keep_history=period or " ")


def test_periods_are_of_the_calendar() -> None:
    leap = datetime(2024, 2, 29, 12)
    assert before(leap, "7y") == datetime(2017, 2, 28, 12)
    assert before(leap, "12m") == datetime(2023, 2, 28, 12)
    assert before(leap, " 2 w ") == leap - timedelta(days=14)
    assert before(leap, "90d") == leap - timedelta(days=90)
    assert before(leap, "9999y") == datetime.min
