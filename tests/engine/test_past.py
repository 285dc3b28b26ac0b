"""Law 2 (docs/laws.md): tables as they stood, also after runs that looked at some tables only."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lc_ibis
from lc_ibis.engine.state.past import Past
from lc_ibis.errors import LcIbisError, SelectionError
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending
from tests.laws.test_laws import loads

pytestmark = pytest.mark.usefixtures("of_few_rows")

DAYS = {day: [("A1", "1", f"{day}000.00", "Savings"), ("A2", "1", "1.00", "Savings")] for day in range(1, 7)}
HISTORIES = ("+snap_account", "+snap_customer")


def balances(lending: Lending, as_of: Any = None) -> list[Decimal]:
    """Return the balance of A1 in the mart."""
    return [row[1] for row in lending.rows("account_summary", "account_id", "original_balance_amount", as_of=as_of)][:1]


def diffed(lending: Lending, table: str, *moments: int) -> int:
    return lc_ibis.diff(table, *moments, **lending.options).changed_count


@pytest.mark.parametrize("backend", WIDELY)
def test_a_mart_that_a_run_left_out_stands_as_it_was_published(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    second = lending.load(accounts=DAYS[2], select=HISTORIES)
    assert balances(lending) == balances(lending, 2) == balances(lending, second.run_at) == [1000]
    assert diffed(lending, "account_summary", 2) == diffed(lending, "account_summary", 1, 2) == 0
    assert diffed(lending, "snap_account", 1) == 1, "the version that was closed"
    assert lending.rows("int_account_with_customer", "balance_amount", as_of=2) == [1000, 1]


def test_a_mart_that_several_runs_left_out_stands_as_the_last_made_it_that_did_not(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    lending.load(accounts=DAYS[2])
    lending.load(accounts=DAYS[3], select=HISTORIES)
    lending.load(accounts=DAYS[4], select=HISTORIES)
    lending.load(select=("intermediate", "marts"))
    lending.load([("1", "Alice", "no")])
    assert [balances(lending, run) for run in range(1, 7)] == [[1000], [2000], [2000], [2000], [4000], [4000]]
    assert [diffed(lending, "account_summary", run, run + 1) for run in range(1, 6)] == [1, 0, 0, 1, 2]
    assert diffed(lending, "account_summary", 6) == 0


def test_a_table_in_between_that_was_left_out_holds_back_what_is_made_from_it(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    lending.load(accounts=DAYS[2], select=(*HISTORIES, "int_account_with_customer", "account_summary"))
    lending.load(select=("int_savings_account_only",))
    lending.load()
    now = {2: 2000, 3: 2000, 4: 2000}
    assert {run: lending.rows("int_account_with_customer", "balance_amount", as_of=run)[0] for run in now} == now
    assert [balances(lending, run) for run in range(1, 5)] == [[1000], [1000], [1000], [2000]]
    assert lending.rows("customer_profile", "total_balance_amount", as_of=3) == [1001]


def test_a_mart_that_runs_found_up_to_date_is_as_it_was(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    lending.load([ALICE, ("2", "Ben", "no")])
    lending.load([ALICE])
    assert [run.run_id for run in lc_ibis.runs(**lending.options)] == [3, 2, 1]
    assert [balances(lending, run) for run in (1, 2, 3)] == [[1000]] * 3


def test_a_table_that_was_not_built_yet_is_refused_with_the_run_that_made_it(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1], select=HISTORIES)
    lending.load(accounts=DAYS[2])
    with pytest.raises(
        SelectionError, match="account_summary had not been built as of run 1. It was first built by run 2"
    ):
        balances(lending, 1)
    assert balances(lending, 2) == [2000]
    assert balances(lending, "2020-01-01") == []


def test_of_before_the_log_was_kept_only_what_is_certain_is_told(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    lending.load(accounts=DAYS[2])
    with duckdb.connect(str(lending.database)) as con:
        con.execute("DELETE FROM state.run_tables")
    assert balances(lending, 2) == [2000], "no run has changed it since"
    with pytest.raises(SelectionError, match="account_summary: it is not known whether run 1 updated it"):
        balances(lending, 1)
    assert lending.rows("snap_account", "balance_amount", as_of=1) == [1000, 1]
    lending.load(accounts=DAYS[3])
    assert balances(lending, 3) == [3000]
    with pytest.raises(SelectionError, match="the lc-ibis of that run did not record it"):
        balances(lending, 2)


def test_a_run_is_named_by_a_number_too(lending: Lending) -> None:
    first = lending.load([ALICE], [SAVINGS])
    lending.load(accounts=DAYS[2])
    with lc_ibis.connect(**lending.options) as warehouse:
        assert warehouse.store.count(warehouse.table("account_summary", as_of=1)) == 1
        assert warehouse.run_of(1) == warehouse.run_of(first.run_at) == (1, first.run_at)
        assert warehouse.run_of("2020-01-01") is None
    found = lc_ibis.diff("account_summary", 1, 2, **lending.options)
    assert (found.added_count, found.changed_count) == (1, 1)
    for run in (7, -1, 10**30):
        with pytest.raises(SelectionError, match=f"No run {run} has changed anything"):
            balances(lending, run)


TABLES = ("int_account_without_customer", "int_savings_account_only", "account_summary", "customer_profile")
SELECTS = ((), (), HISTORIES, ("intermediate",), ("marts",), ("int_account_with_customer",), ("+snap_account",))


@settings(max_examples=3)
@given(loads, st.lists(st.sampled_from(SELECTS), min_size=4, max_size=4))
def test_whatever_builds_select_each_table_is_known_as_it_was_published(
    tmp_path_factory: pytest.TempPathFactory, sequence: Any, selects: list[tuple[str, ...]]
) -> None:
    lending = Lending(tmp_path_factory.mktemp("past"))
    published: dict[int, dict[str, Any]] = {}
    for load, select in zip([([ALICE], DAYS[1]), *sequence], [(), *selects], strict=False):
        # A selection that checks refuse publishes nothing.
        with suppress(LcIbisError):
            run = lending.load(*load, select=select)
            if run.status == "built":
                published[run.run_id] = {table: stampless(lending, table) for table in TABLES}
    for run_id in (run.run_id for run in lc_ibis.runs(**lending.options)):
        assert {table: stampless(lending, table, as_of=run_id) for table in TABLES} == published[run_id], run_id


def stampless(lending: Lending, table: str, **options: Any) -> list[dict[str, Any]]:
    rows = lending.rows(table, **options)
    return [{name: value for name, value in row.items() if name != "calculated_at"} for row in rows]


def test_a_history_that_was_dropped_and_begun_anew_is_not_told_of_before(lending: Lending) -> None:
    lending.load([ALICE], DAYS[1])
    lending.load([ALICE], DAYS[2])
    lc_ibis.drop("snap_account", force=True, **lending.places())
    lending.build()
    for ask in (lambda: balances(lending, 1), lambda: lending.rows("snap_account", as_of=2)):
        with pytest.raises(
            SelectionError, match="snap_account was dropped and started again in run 3, so its earlier past"
        ):
            ask()
    assert balances(lending, 3) == [Decimal("2000.00")]


def test_a_table_left_out_stands_as_it_does_though_its_history_let_go_of_then(lending: Lending) -> None:
    """What the table was made from then is not needed: it has not changed since."""
    lending.load([ALICE], DAYS[1])
    lending.load([ALICE], DAYS[2], select=HISTORIES)
    with duckdb.connect(str(lending.database)) as con:
        con.execute("INSERT INTO state.retention SELECT 'snap_account', max(run_at) FROM state.runs")
    assert balances(lending, 2) == [Decimal("1000.00")]


def test_a_table_that_came_between_later_is_computed_as_of_before_it() -> None:
    """Only what is asked for is refused; what it is made from today need not have been there then."""
    times = {1: datetime(2026, 1, 1), 2: datetime(2026, 1, 2)}
    past = Past(times, {"snap": [1, 2], "between": [2], "mart": [1, 2]}, {"snap": [1, 2], "between": [2]}, {})
    assert past.made_as_of("between", ["snap"], 1) == 1
    past.refuse_unbuilt("mart", 1)
    with pytest.raises(SelectionError, match=r"between had not been built as of run 1\. It was first built by run 2"):
        past.refuse_unbuilt("between", 1)
