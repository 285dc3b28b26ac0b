"""The laws, over random sequences of extracts, against the oracle."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import lc_ibis
from tests.conftest import Lending
from tests.oracle import Oracle

# Few values, so that rows collide, change, vanish and return; each list has its kind of dirt.
customer_rows = st.tuples(
    st.sampled_from(["1", "2", "3", " 2", "03", "1.0", "x", None]),
    st.sampled_from(["Ann", "Ben", " ann", "BEN", "É. Núñez", " ", None]),
    st.sampled_from(["yes", "No", "1", None, "maybe"]),
)
account_rows = st.tuples(
    st.sampled_from(["A", "B", "C", "D", " A", None]),
    st.sampled_from(["1", "2", "3", "01", "9", "", "1e0"]),
    st.sampled_from(["10000", "9999.995", "20000.00", "0", "150.5", "150.50", "-1", "n/a", "1,0", "99999999999999999"]),
    st.sampled_from(["Savings", "savings ", "Checking", "gold", None]),
)
loads = st.lists(
    st.tuples(
        st.lists(customer_rows, min_size=1, max_size=7), st.lists(account_rows, min_size=1, max_size=8)
    ),
    min_size=2,
    max_size=4,
)  # fmt: skip


def _followed(sequence: list[Any], root: str) -> tuple[Lending, Oracle, list[datetime]]:
    """Load a sequence into a database and into the oracle; return the runs' times too."""
    lending, oracle, times = Lending(Path(root)), Oracle(), []
    for customers, accounts in sequence:
        run = lending.load(customers, accounts)
        oracle.load(customers, accounts)
        times.append(run.run_at)
        assert run.status != "failed"
    return lending, oracle, times


@given(loads)
def test_every_table_is_what_the_oracle_says(sequence: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        lending, oracle, times = _followed(sequence, root)
        number = {time: i + 1 for i, time in enumerate(times)} | {None: None}
        stored = lending.contents()
        _agree_on_source(stored, oracle, number)
        _agree_on_staging(stored, oracle, number)
        _agree_on_history(stored, oracle, number)
        _agree_on_marts(stored, oracle, number)


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
        actual = {
            key: (tuple(list(row.values())[1:-1]), number[row["loaded_at"]]) for key, row in accepted.items()
        }
        assert actual == source.accepted
        refused = Counter(
            (tuple(list(row.values())[:-3]), row["failure_reason"].split()[0])
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


@given(loads)
def test_a_past_run_is_read_back_as_it_was(sequence: list[Any]) -> None:
    """Law 2: at each run's time, the snapshot is that run's accepted rows and the held ones."""
    with tempfile.TemporaryDirectory() as root:
        lending, oracle, times = _followed(sequence, root)
        for time, (customers, accounts) in zip(times, oracle.past, strict=True):
            for name, expected in (("customer", customers), ("account", accounts)):
                rows = lending.rows(f"snap_{name}", as_of=time)
                current = [row for row in rows if row["dbt_valid_to"] is None]
                assert len(current) == len(expected)
                assert {row[f"{name}_id"]: tuple(list(row.values())[1:-5]) for row in current} == expected


@given(loads)
def test_incremental_is_full_and_again_is_free(sequence: list[Any]) -> None:
    """Laws 3 and 4."""
    with tempfile.TemporaryDirectory() as root:
        lending, oracle, _ = _followed(sequence, root)
        before = lending.files()
        assert lending.build().status == "unchanged"
        assert lending.build(full_refresh=True).status == "unchanged"
        assert lending.files() == before

        if not oracle.ever_held:
            fresh = Lending(Path(root) / "fresh")
            fresh.load(*sequence[-1])
            assert _stampless(fresh) == _stampless(lending)


def _stampless(lending: Lending) -> dict[str, Any]:
    """Return the rows of every table without times; of the histories the current versions alone."""
    timeless = {}
    for table, rows in lending.contents().items():
        current = [row for row in rows if row.get("dbt_valid_to") is None]
        dropped = ("dbt_scd_id",)
        timeless[table] = Counter(
            tuple((c, v) for c, v in row.items() if not isinstance(v, datetime) and c not in dropped)
            for row in current
        )
    return timeless


@given(loads)
def test_the_ledger_closes_and_histories_never_overlap(sequence: list[Any]) -> None:
    """Laws 1 and 2, from the tables alone."""
    with tempfile.TemporaryDirectory() as root:
        lending, _, _ = _followed(sequence, root)
        for row in lending.rows("ledger"):
            assert row["received_count"] == row["accepted_count"] + row["refused_count"]
            assert row["current_count"] == row["accepted_count"] + row["held_count"]
        orphans = lending.rows("account_without_customer", "account_id", "customer_id")
        joined = lending.rows("int_account_with_customer", "account_id", "customer_id")
        versions = lending.rows("snap_account", "account_id", "customer_id", "dbt_valid_to")
        assert sorted(orphans + joined) == sorted(v[:2] for v in versions if v[2] is None)
        for name in ("customer", "account"):
            spans: dict[Any, list[Any]] = {}
            for row in lending.rows(f"snap_{name}"):
                spans.setdefault(row[f"{name}_id"], []).append((row["dbt_valid_from"], row["dbt_valid_to"]))
            for versions in spans.values():
                versions.sort(key=lambda span: span[0])
                assert all(end is not None and end <= start for (_, end), (start, _) in zip(versions, versions[1:]))
                assert all(end is None or start < end for start, end in versions)


@given(loads)
def test_stamps_move_only_with_the_row(sequence: list[Any]) -> None:
    """Law 3's stamps: calculated_at is the run that last changed the row."""
    with tempfile.TemporaryDirectory() as root:
        lending, seen = Lending(Path(root)), {}
        for customers, accounts in sequence:
            run = lending.load(customers, accounts)
            for table in ("account_summary", "customer_profile"):
                for row in lending.contents()[table]:
                    key, *values, stamp = row.values()
                    before = seen.get((table, key))
                    assert stamp == (before[1] if before and before[0] == values else run.run_at)
                    seen[table, key] = (values, stamp)
                kept = {row[next(iter(row))] for row in lending.contents()[table]}
                seen = {k: v for k, v in seen.items() if k[0] != table or k[1] in kept}


def test_public_functions_are_those_of_the_command_line() -> None:
    assert set(lc_ibis.__all__) >= {"build", "ls", "show", "test", "compile", "version", "connect"}
