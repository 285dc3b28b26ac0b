"""Law 3 (docs/laws.md): after any sequence of loads the tables are what a full refresh would make of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lc_ibis
from lc_ibis.api.build import run_pipeline
from lc_ibis.api.test import verified
from lc_ibis.api.warehouse import Warehouse
from lc_ibis.backends.duckdb import tables as duckdb
from lc_ibis.declare.contracts import Contract, Integer, Text, column, key
from lc_ibis.declare.models import Incremental, Model, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.refresh import refresher
from lc_ibis.errors import ModelError
from lc_ibis.layers import marts, pipeline
from lc_ibis.settings import Settings
from tests.conftest import ACCOUNT, CUSTOMER, Lending, write_csv
from tests.laws.test_laws import account_rows, customer_rows, open_refusals
from tests.oracle import Oracle, bare, judge_account, judge_customer
from tests.torture import cases

pytestmark = pytest.mark.usefixtures("of_few_rows")

ANN, BEN = ("1", "Ann", "No"), ("2", "Ben", "Yes")
ACCOUNTS = [(f"A{i}", "1" if i % 2 else "2", f"{i}000.00", "Savings") for i in range(1, 9)]
SELECTIONS = ("source", "staging", "src_account stg_account", "snap_customer", "intermediate", "marts", "+snap_account")


def account_summary(int_savings_account_only: ir.Table) -> ir.Table:
    """Another rule than the pipeline's: the new balance is the old one."""
    summary = marts.account_summary.function(int_savings_account_only)
    return summary.mutate(new_balance_amount=summary.original_balance_amount)


def other_code() -> Pipeline:
    changed = Model(account_summary, Incremental(), marts.AccountSummary, "marts")
    models = [changed if m.name == "account_summary" else m for m in pipeline]
    return Pipeline(models, pipeline.outputs)


operations = st.sampled_from(["upsert", "delete", ""])
customers, accounts = st.lists(customer_rows, min_size=1, max_size=6), st.lists(account_rows, min_size=1, max_size=8)
steps = st.one_of(
    st.tuples(st.just("full"), customers, accounts),
    st.tuples(
        st.just("delta"),
        st.lists(st.tuples(customer_rows, operations), max_size=3),
        st.lists(st.tuples(account_rows, operations), max_size=4),
    ),
    st.tuples(st.just("select"), st.sampled_from(SELECTIONS), accounts),
    st.tuples(st.just("code"), customers, accounts),
    st.tuples(st.just("refresh"), customers, accounts),
)


class Transitions:
    """A lending company whose extracts are kept as plain lists, with the oracle beside it."""

    def __init__(self, root: Path, customers: list[Any], accounts: list[Any]):
        self.lending, self.oracle, self.number = Lending(root), Oracle(), 0
        self.received = {"Customer": customers, "accounts": accounts}
        self.build_full()

    def take(self, step: tuple[str, Any, Any]) -> None:
        what, first, second = step
        self.number += 1
        if what == "delta":
            self._delta(first, second)
            return
        self.received["accounts"] = second
        if what != "select":
            self.received["Customer"] = first
        if what == "select":
            self._deliver()
            self.lending.build(select=(first,), allow_mass_delete=True)
            self._verify(pipeline)
        if what == "code":
            self._deliver()
            settings = Settings.load(**self.lending.places(), allow_mass_delete=True)
            run_pipeline(other_code(), settings)
            self._verify(other_code())
        self.build_full(full_refresh=what == "refresh")

    def build_full(self, **options: Any) -> None:
        self._deliver()
        self.lending.build(allow_mass_delete=True, **options)
        self._compare()

    def _deliver(self) -> None:
        self.lending.deliver(self.received["Customer"], self.received["accounts"])

    def _delta(self, customers: list[Any], accounts: list[Any]) -> None:
        """Apply a delta to the lists by hand, and build it from files."""
        files = {}
        both = (("Customer", "src_customer", CUSTOMER, judge_customer, customers),
                ("accounts", "src_account", ACCOUNT, judge_account, accounts))  # fmt: skip
        for stem, source, header, judge, rows in both:
            rows = _consistent(rows, judge)
            name = f"{stem}-{self.number}.csv"
            write_csv(self.lending.inputs / name, (*header, "_op"), [(*row, op) for row, op in rows])
            files[source] = name
            changed = _applied(self.received[stem], rows, judge)
            self.received[stem] = changed or self.received[stem]
            if not changed:
                write_csv(self.lending.inputs / name, (*header, "_op"), [])
        self.lending.build(delivery="delta", source=files, allow_mass_delete=True)
        self._compare()

    def _compare(self) -> None:
        self.oracle.load(self.received["Customer"], self.received["accounts"])
        tables = self.lending.contents()
        for name, source in (("customer", self.oracle.customers), ("account", self.oracle.accounts)):
            received = Counter(tuple(list(row.values())[:-1]) for row in tables[f"src_{name}"])
            assert received == Counter({text: len(times) for text, times in source.received.items()})
            assert {row[f"{name}_id"] for row in tables[f"stg_{name}"]} == set(source.accepted)
            current = {row[f"{name}_id"] for row in tables[f"snap_{name}"] if row["dbt_valid_to"] is None}
            assert current == set(source.current())
        assert open_refusals(tables["snap_refusal"]) == self.oracle.refusals()
        for table in ("account_summary", "customer_profile"):
            rows = {key: tuple(rest[:-1]) for key, *rest in (row.values() for row in tables[table])}
            assert rows == getattr(self.oracle, table)()
        self._verify(pipeline)
        assert lc_ibis.test(database=self.lending.database).status == "passed"

    def _verify(self, chosen: Pipeline) -> None:
        with Warehouse(chosen, Settings.load(database=self.lending.database)) as warehouse:
            assert [result for result in verified(warehouse) if result.status == "differs"] == []


def _spoken_of(row: Any, judge: Any) -> Any:
    """Return what a row of a delta is about: its key, the key's text where it cannot be read, or the row itself."""
    _, key, _ = judge(row)
    return ("key", key) if key is not None else ("text", row[0]) if bare(row[0]) else row


def _consistent(rows: list[Any], judge: Any) -> list[Any]:
    """Leave out rows that contradict an earlier one: a file that upserts and deletes a key is refused."""
    said: dict[Any, bool] = {}
    return [
        one for one in rows if said.setdefault(_spoken_of(one[0], judge), one[1] == "delete") == (one[1] == "delete")
    ]


def _applied(received: list[Any], rows: list[Any], judge: Any) -> list[Any]:
    """Return the extract after the change, in plain Python."""
    replaced = {_spoken_of(row, judge) for row, operation in rows if operation == "delete" or bare(row[0])}
    kept = [row for row in received if _spoken_of(row, judge) not in replaced]
    for row, operation in rows:
        if operation != "delete" and (bare(row[0]) or row not in kept):
            kept.append(row)
    return kept


@given(customers, accounts, st.lists(steps, min_size=2, max_size=5))
def test_incremental_is_full_after_any_transitions(first: Any, second: Any, transitions: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        company = Transitions(Path(root), first, second)
        for step in transitions:
            company.take(step)


# By key -----------------------------------------------------------------------------------------


def by_key(run: Any) -> dict[str, int | None]:
    return {table.table: table.key_count for table in run.tables if table.action == "updated"}


def test_only_the_touched_keys_are_computed(lending: Lending) -> None:
    """Law 8 (docs/laws.md): cost follows change."""
    lending.load([ANN, BEN], ACCOUNTS)
    run = lending.load(accounts=[("A1", "1", "1.00", "Savings"), *ACCOUNTS[1:]])
    assert by_key(run) == {
        "src_account": None, "stg_account": 1, "snap_account": 1, "int_account_with_customer": 1,
        "int_savings_account_only": 1, "account_summary": 1, "customer_profile": 1,
    }  # fmt: skip


def test_a_customer_touches_the_accounts_that_are_theirs(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    run = lending.load([("1", "Ann", "Yes"), BEN])
    counts = by_key(run)
    assert (counts["snap_customer"], counts["int_account_with_customer"], counts["account_summary"]) == (1, 4, 4)
    assert counts["customer_profile"] == 1


def test_an_owner_before_and_an_owner_after_are_both_computed(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    run = lending.load(accounts=[("A1", "2", "1000.00", "Savings"), *ACCOUNTS[1:]])
    assert by_key(run)["customer_profile"] == 2
    assert lending.rows("customer_profile", "customer_id", "total_accounts_count") == [(1, 3), (2, 5)]


def test_where_many_keys_are_touched_all_are_computed(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher, "MOST_KEYS", 0.25)
    lending.load([ANN, BEN], ACCOUNTS)
    run = lending.load(accounts=[(a, c, "1.00", t) for a, c, _, t in ACCOUNTS])
    assert by_key(run)["stg_account"] is None


def test_a_table_behind_by_more_than_a_step_is_computed_whole(lending: Lending) -> None:
    lending.load([ANN, BEN], ACCOUNTS)
    lending.load(accounts=[("A1", "1", "1.00", "Savings"), *ACCOUNTS[1:]], select=("source",))
    run = lending.load(accounts=[("A2", "1", "1.00", "Savings"), *ACCOUNTS[1:]])
    counts = by_key(run)
    assert counts["stg_account"] is None
    assert counts["snap_account"] == 2


class Half(Contract):
    """One row per account."""

    account_id: Text = key("The account.")
    customer_id: Integer = column("Its owner.")
    half: Integer = column("Something.")


def test_a_model_whose_keys_cannot_be_found_is_refused_when_it_is_declared() -> None:
    def half(stg_account: ir.Table, stg_customer: ir.Table) -> ir.Table:
        oldest = stg_customer.aggregate(half=stg_customer.customer_id.min())
        return stg_account.cross_join(oldest).select("account_id", "customer_id", "half")

    with pytest.raises(ModelError, match="for a changed row of stg_customer it is unknown which account_id"):
        Pipeline([*pipeline, model(Incremental(), Half)(half)])
    whole_table = Pipeline([*pipeline, model(Incremental(by=()), Half)(half)])
    assert whole_table["half"].by == ()


def ranked(stg_account: ir.Table) -> ir.Table:
    place = ibis.row_number().over(order_by=[stg_account.balance_amount, stg_account.account_id])
    return stg_account.select("account_id", "customer_id", half=place)


def ranked_within_customer(stg_account: ir.Table) -> ir.Table:
    place = ibis.row_number().over(group_by="customer_id", order_by=["balance_amount", "account_id"])
    return stg_account.select("account_id", "customer_id", half=place)


def share_of_all(stg_account: ir.Table) -> ir.Table:
    return stg_account.select(
        "account_id", "customer_id", half=(stg_account.count() + stg_account.customer_id).cast("int64")
    )


def neighbours(stg_account: ir.Table, int_account_with_customer: ir.Table) -> ir.Table:
    theirs = int_account_with_customer.select("customer_id", other="account_id")
    pairs = stg_account.inner_join(theirs, "customer_id")
    return pairs.group_by("account_id", "customer_id").aggregate(half=pairs.count())


def of_the_same_customer(snap_account: ir.Table, snap_customer: ir.Table) -> ir.Table:
    peers = snap_account.mutate(half=snap_account.count().over(group_by="customer_id"))
    return peers.semi_join(snap_customer, "customer_id").select("account_id", "customer_id", "half")


def paired(snap_account: ir.Table, snap_customer: ir.Table) -> ir.Table:
    other = snap_account.view()
    pairs = snap_account.inner_join(other, "customer_id").semi_join(snap_customer, "customer_id")
    return pairs.group_by("account_id", "customer_id").aggregate(half=pairs.count())


def of_customers(snap_account: ir.Table, snap_customer: ir.Table) -> ir.Table:
    versions = snap_customer.group_by("customer_id").aggregate(half=snap_customer.count())
    return snap_account.inner_join(versions, "customer_id").select("account_id", "customer_id", "half")


def first_ten(stg_account: ir.Table) -> ir.Table:
    return stg_account.order_by("account_id").limit(10).select("account_id", "customer_id", half="customer_id")


@pytest.mark.parametrize(
    ("function", "by", "what"),
    [
        (ranked, None, "a window by nothing makes rows of one account_id depend on those of others"),
        (ranked_within_customer, None, "a window by customer_id"),
        (ranked_within_customer, ("customer_id",), None),
        (ranked, (), None),
        (share_of_all, None, "a window by nothing|a subquery|an aggregation by nothing"),
        (neighbours, None, None),
        (neighbours, ("customer_id",), None),
        (ranked, ("half_id",), "Half has no such columns"),
        (of_the_same_customer, None, "a window by customer_id"),
        (paired, None, None),
        (of_customers, None, None),
        (first_ten, None, "a limit takes rows whatever their account_id is"),
    ],
)
def test_a_model_that_mixes_keys_is_refused_when_it_is_declared(function: Any, by: Any, what: str | None) -> None:
    mixed = model(Incremental(by=by), Half)(function)
    if what is None:
        assert Pipeline([*pipeline, mixed])[mixed.name] is mixed
    else:
        with pytest.raises(ModelError, match=what):
            Pipeline([*pipeline, mixed])


def test_a_rank_within_a_customer_is_kept_right(lending: Lending) -> None:
    """A key of the contract that is not the key by which the rows are computed."""
    more = Pipeline([*pipeline, model(Incremental(by=("customer_id",)), Half)(ranked_within_customer)])
    more.models["ranked_within_customer"].layer = "marts"
    settings = Settings.load(**lending.places())
    for accounts in (ACCOUNTS, [("A1", "2", "9999.00", "Savings"), *ACCOUNTS[2:]], ACCOUNTS[1:]):
        lending.deliver([ANN, BEN], accounts)
        run_pipeline(more, settings)
        with Warehouse(more, settings) as warehouse:
            assert {result.status for result in verified(warehouse)} == {"identical"}
            ranks = warehouse.store.rows(warehouse.table("ranked_within_customer"))
    assert sorted(row["half"] for row in ranks) == [0, 0, 1, 1, 2, 2, 3]


def test_where_memory_is_short_rows_are_deleted_by_writing_the_table_anew(
    lending: Lending, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def load(place: Lending) -> Any:
        for day in (1, 2):
            place.load(cases.customers(day), cases.accounts(day))
        return {name: [tuple(row.values())[:3] for row in rows] for name, rows in place.contents().items()}

    expected = load(lending.another(tmp_path / "another"))
    statements: list[str] = []
    run = duckdb.DuckDB._run
    monkeypatch.setattr(duckdb, "_MARKED", 0)
    monkeypatch.setattr(duckdb.DuckDB, "_run", lambda self, sql, *rest: statements.append(sql) or run(self, sql, *rest))
    found = load(lending)
    assert any("ANTI JOIN" in sql and "CREATE OR REPLACE TABLE" in sql for sql in statements)
    assert found.keys() == expected.keys()
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in expected.items()}
    assert all(result.status == "identical" for result in lc_ibis.verify(database=lending.database))
