"""The laws of docs/laws.md, over random sequences of extracts, against the oracle."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import lc_ibis
from tests.conftest import ON_DELTA, ON_SPARK, Lending
from tests.oracle import Oracle

pytestmark = pytest.mark.usefixtures("of_few_rows")

# Few values, so that rows collide, change, vanish and return; each list has its kind of dirt.
customer_rows = st.tuples(
    st.sampled_from(["1", "2", "3", " 2", "03", "1.0", "x", None, "1\xa0"]),
    st.sampled_from(["Ann", "Ben", " ann", "BEN", "É. Núñez", " ", None, "\u200b", "ANN "]),
    st.sampled_from(["yes", "No", "1", None, "maybe"]),
)
account_rows = st.tuples(
    st.sampled_from(["A", "B", "C", "D", " A", None, "\xa0A"]),
    st.sampled_from(["1", "2", "3", "01", "9", "", "1e0"]),
    st.sampled_from(
        [
            "10000",
            "9999.995",
            "20000.00",
            "0",
            "150.5",
            "150.50",
            "-1",
            "n/a",
            "1,0",
            "99999999999999999",
            "9999999999999.99",
        ]
    ),
    st.sampled_from(["Savings", "savings ", "Checking", "gold", None]),
)
loads = st.lists(
    st.tuples(
        st.lists(customer_rows, min_size=1, max_size=7), st.lists(account_rows, min_size=1, max_size=8)
    ),
    min_size=2,
    max_size=4,
)  # fmt: skip


two_loads = st.lists(
    st.tuples(
        st.lists(customer_rows, min_size=3, max_size=7), st.lists(account_rows, min_size=3, max_size=8)
    ),
    min_size=2,
    max_size=2,
)  # fmt: skip


@given(loads)
def test_the_laws_hold_after_every_load_of_any_sequence(sequence: list[Any]) -> None:
    """One sequence, all laws: a build costs more than all that is asked of it."""
    with tempfile.TemporaryDirectory() as root:
        _the_laws_hold(Lending(Path(root)), sequence)


@pytest.mark.parametrize("backend", ON_DELTA)
@settings(max_examples=1, phases=[Phase.generate])
@given(sequence=two_loads)
def test_the_laws_hold_on_delta(lending: Lending, sequence: list[Any]) -> None:
    """One sequence, for a build takes seconds there; as found, not made smaller. More, and on Spark, with --long."""
    with tempfile.TemporaryDirectory() as root:
        _the_laws_hold(lending.another(Path(root)), sequence)


@pytest.mark.long
@pytest.mark.parametrize("backend", [*ON_DELTA, *ON_SPARK])
@settings(max_examples=20, phases=[Phase.generate])
@given(sequence=loads)
def test_the_laws_hold_on_spark_for_long(lending: Lending, sequence: list[Any]) -> None:
    """More of them, and longer ones."""
    with tempfile.TemporaryDirectory() as root:
        _the_laws_hold(lending.another(Path(root)), sequence)


def _the_laws_hold(lending: Lending, sequence: list[Any]) -> None:
    oracle, times, stamps = Oracle(), [], {}
    for customers, accounts in sequence:
        run = lending.load(customers, accounts)
        oracle.load(customers, accounts)
        times.append(run.run_at)
        tables = lending.contents()
        _tables_are_what_the_oracle_says(tables, oracle, times)
        _ledger_closes(run.ledger, tables)
        _versions_never_overlap(tables)
        stamps = _stamps_moved_only_with_the_row(tables, stamps, run.run_at)
    _past_runs_are_read_back_as_they_were(lending, oracle, times)
    _again_is_free(lending)
    if not oracle.ever_held:
        _a_first_build_of_the_last_load_gives_the_same(lending, sequence[-1])


def _tables_are_what_the_oracle_says(tables: Any, oracle: Oracle, times: list[datetime]) -> None:
    number = {time: i + 1 for i, time in enumerate(times)} | {None: None}
    _agree_on_source(tables, oracle, number)
    _agree_on_staging(tables, oracle, number)
    _agree_on_history(tables, oracle, number)
    _agree_on_marts(tables, oracle, number)


def _agree_on_source(stored: Any, oracle: Oracle, number: Any) -> None:
    """Law 1 begins here: every received row, with the load that first brought its text."""
    for table, source in (("src_customer", oracle.customers), ("src_account", oracle.accounts)):
        actual = Counter((*list(row.values())[:-1], number[row["loaded_at"]]) for row in stored[table])
        expected = Counter((*text, time) for text, times in source.received.items() for time in times)
        assert actual == expected


def _agree_on_staging(stored: Any, oracle: Oracle, number: Any) -> None:
    for name, source in (("customer", oracle.customers), ("account", oracle.accounts)):
        accepted = {row[f"{name}_id"]: row for row in stored[f"stg_{name}"]}
        assert len(accepted) == len(stored[f"stg_{name}"])
        actual = {key: (tuple(list(row.values())[1:-1]), number[row["loaded_at"]]) for key, row in accepted.items()}
        assert actual == source.accepted
        refused = Counter(
            (tuple(list(row.values())[:-4]), row["failure_reason"].split()[0])
            for row in stored[f"quarantine_stg_{name}"]
        )
        assert refused == source.refused


def _agree_on_history(stored: Any, oracle: Oracle, number: Any) -> None:
    for name, source in (("customer", oracle.customers), ("account", oracle.accounts)):
        actual = [
            {
                "key": row[f"{name}_id"], "values": tuple(list(row.values())[1:-5]), "loaded": number[row["loaded_at"]],
                "updated": number[row["dbt_updated_at"]], "from": number[row["dbt_valid_from"]],
                "to": number[row["dbt_valid_to"]],
            }
            for row in stored[f"snap_{name}"]
        ]  # fmt: skip
        assert sorted(map(str, actual)) == sorted(map(str, source.history))
        assert len({row["dbt_scd_id"] for row in stored[f"snap_{name}"]}) == len(actual)


def _agree_on_marts(stored: Any, oracle: Oracle, number: Any) -> None:
    joined = {
        row["account_id"]: (*list(row.values())[1:-2], number[row["valid_from_at"]])
        for row in stored["int_account_with_customer"]
    }
    assert joined == oracle.joined()
    savings = {row["account_id"] for row in stored["int_savings_account_only"]}
    assert savings == {key for key, row in joined.items() if row[2] == "savings"}
    assert _keyed(stored["account_summary"]) == oracle.account_summary()
    assert _keyed(stored["customer_profile"]) == oracle.customer_profile()


def _keyed(rows: list[dict[str, Any]]) -> dict[Any, Any]:
    """Return by key all other values but the stamp, which is last."""
    return {key: tuple(rest[:-1]) for key, *rest in (row.values() for row in rows)}


def _ledger_closes(ledger: list[dict[str, Any]], tables: Any) -> None:
    """Law 1: nothing is lost."""
    for row in ledger:
        name = row["source"]
        assert row["received_count"] == len(tables[f"src_{name}"])
        assert row["received_count"] == row["accepted_count"] + row["refused_count"]
        assert row["current_count"] == row["accepted_count"] + row["held_count"]
    account = next(row for row in ledger if row["source"] == "account")
    assert account["current_count"] == account["joined_count"] + account["without_customer_count"]
    assert account["joined_count"] == len(tables["int_account_with_customer"])


def _versions_never_overlap(tables: Any) -> None:
    """Law 2, from the tables alone."""
    for name in ("customer", "account"):
        spans: dict[Any, list[Any]] = {}
        for row in tables[f"snap_{name}"]:
            spans.setdefault(row[f"{name}_id"], []).append((row["dbt_valid_from"], row["dbt_valid_to"]))
        for versions in spans.values():
            versions.sort(key=lambda span: span[0])
            assert all(end is not None and end <= start for (_, end), (start, _) in pairwise(versions))
            assert all(end is None or start < end for start, end in versions)


def _stamps_moved_only_with_the_row(tables: Any, before: Any, run_at: datetime) -> Any:
    """Law 3's stamps: calculated_at is the run that last changed the row."""
    after = {}
    for table in ("account_summary", "customer_profile"):
        for key, *values, stamp in (row.values() for row in tables[table]):
            known = before.get((table, key))
            assert stamp == (known[1] if known and known[0] == values else run_at)
            after[table, key] = (values, stamp)
    return after


def _past_runs_are_read_back_as_they_were(lending: Lending, oracle: Oracle, times: list[datetime]) -> None:
    """Law 2: at each run's time, the snapshot is that run's accepted rows and the held ones."""
    with lc_ibis.connect(**lending.options) as warehouse:
        for time, (customers, accounts), refusals in zip(times, oracle.past, oracle.past_refusals, strict=True):
            assert open_refusals(warehouse.store.rows(warehouse.table("snap_refusal", as_of=time))) == refusals
            for name, expected in (("customer", customers), ("account", accounts)):
                rows = warehouse.store.rows(warehouse.table(f"snap_{name}", as_of=time))
                current = [row for row in rows if row["dbt_valid_to"] is None]
                assert len(current) == len(expected)
                assert {row[f"{name}_id"]: tuple(list(row.values())[1:-5]) for row in current} == expected


def open_refusals(history: list[dict[str, Any]]) -> dict[str, int]:
    """Return by received text how often it is refused."""
    return {row["received_text"]: row["refused_count"] for row in history if row["dbt_valid_to"] is None}


def _again_is_free(lending: Lending) -> None:
    """Laws 3 and 4: neither the same input again nor a full refresh changes a byte."""
    before = lending.files()
    assert lending.build().status == "unchanged"
    assert lending.build(full_refresh=True).status == "unchanged"
    assert lending.files() == before


def _a_first_build_of_the_last_load_gives_the_same(lending: Lending, load: Any) -> None:
    """Law 3, where no key was ever held."""
    fresh = lending.another(lending.root / "fresh")
    fresh.load(*load)
    assert _stampless(fresh) == _stampless(lending)


def _stampless(lending: Lending) -> dict[str, Any]:
    """Return the rows of every table without times; of the histories the current versions alone."""
    timeless = {}
    for table, rows in lending.contents().items():
        current = [row for row in rows if row.get("dbt_valid_to") is None]
        dropped = ("dbt_scd_id",)
        timeless[table] = Counter(
            tuple((c, v) for c, v in row.items() if not isinstance(v, datetime) and c not in dropped) for row in current
        )
    return timeless
