"""Where columns come from is read off the expressions, and it is true."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

import lc_ibis
from lc_ibis.declare.column_lineage import _walk, column_lineage
from lc_ibis.declare.contracts import moment
from lc_ibis.declare.models import Ephemeral, Model, Snapshot, Source
from lc_ibis.declare.pipeline import Pipeline, Tables
from lc_ibis.engine.state.state import utc_now
from lc_ibis.layers import pipeline
from tests.conftest import Lending
from tests.layers.test_sample import DAYS

pytestmark = pytest.mark.usefixtures("as_if_large")

KEYS = {"customer_id", "account_id"}
STORED = [model for model in pipeline if model.is_stored]


def lineage(name: str) -> dict[str, set[str]]:
    """By column: what it is made of; a star marks what is not taken as it is."""
    found = column_lineage(pipeline, pipeline[name])
    return {c: {f"{o.table}.{o.column}{'' if o.is_copy else '*'}" for o in origins} for c, origins in found.items()}


def test_columns_of_a_mart_come_from_those_that_it_is_computed_from() -> None:
    account = "int_savings_account_only"
    assert lineage("account_summary") == {
        "account_id": {f"{account}.account_id"},
        "customer_id": {f"{account}.customer_id"},
        "original_balance_amount": {f"{account}.balance_amount"},
        "interest_rate_pct": {f"{account}.balance_amount*", f"{account}.has_loan_flag*"},
        "annual_interest_amount": {f"{account}.balance_amount*", f"{account}.has_loan_flag*"},
        "new_balance_amount": {f"{account}.balance_amount*", f"{account}.has_loan_flag*"},
        "calculated_at": set(),
    }
    profile = lineage("customer_profile")
    assert profile["total_accounts_count"] == set()  # a count of rows
    assert profile["total_balance_amount"] == {"account_summary.original_balance_amount*"}


def test_steps_that_are_not_stored_are_looked_through() -> None:
    assert lineage("stg_account")["balance_amount"] == {"src_account.balance*"}
    assert lineage("quarantine_stg_account")["balance"] == {"src_account.balance"}


def test_of_a_source_it_is_the_extract_s_column() -> None:
    assert lineage("src_customer")["has_loan"] == {"Customer.HasLoan"}


def test_a_history_has_columns_of_its_own() -> None:
    assert lineage("snap_customer")["dbt_scd_id"] == {"stg_customer.customer_id*", "stg_customer.loaded_at*"}
    assert lineage("snap_customer")["dbt_updated_at"] == {"stg_customer.loaded_at*"}
    assert lineage("snap_account")["dbt_scd_id"] == {"stg_account.account_id*"}
    assert lineage("snap_account")["dbt_valid_to"] == set()


@pytest.mark.parametrize("model", STORED, ids=lambda model: model.name)
def test_every_column_of_every_table_has_an_answer(model: Model) -> None:
    found = column_lineage(pipeline, model)
    assert list(found) == list(model.contract.schema().names)
    known = {c: set(pipeline[c].contract.schema().names) for c in pipeline.stored_inputs[model.name]}
    if isinstance(model.kind, Source):
        known = {model.kind.file: set(model.contract.headers().values())}
    for origins in found.values():
        assert all(origin.column in known[origin.table] for origin in origins)


def test_subqueries_unions_and_windows_are_followed() -> None:
    one, other = (
        ibis.table({"k": "int64", "v": "int64", "w": "int64"}, name="one"),
        ibis.table({"x": "int64"}, name="x"),
    )
    made = one.select("k", a=one.v - other.x.max().as_scalar(), b=one.w.sum().over(group_by="k"), c=one.count().over())
    both = made.union(made.mutate(a=made.b)).distinct().filter(lambda t: t.c > 1).order_by("k").limit(3)
    assert _walk(both.op(), "a") == {("one", "v", False), ("x", "x", False), ("one", "w", False), ("one", "k", False)}
    assert _walk(both.op(), "k") == {("one", "k", True)}
    assert _walk(both.op(), "c") == frozenset()


@pytest.mark.parametrize(
    "model", [m for m in STORED if not isinstance(m.kind, Source | Ephemeral | Snapshot)], ids=lambda m: m.name
)
def test_a_column_that_is_not_named_makes_no_difference(lending: Lending, model: Model) -> None:
    """Each column of each input is spoilt in turn: of rows that stay, only columns that are made of it differ.

    Not those of keys, by which rows find each other.
    """
    places = lending.places() | {"inputs": DAYS["day1"]}
    lc_ibis.build(**places)
    made_of = {c: {(o.table, o.column) for o in origins} for c, origins in column_lineage(pipeline, model).items()}
    key = model.contract.key()
    if not key:
        pytest.skip("its rows have no key to know them by")
    with lc_ibis.connect(**places) as warehouse:
        stored = {m.name: warehouse.table(m.name) for m in STORED}
        before = _rows(warehouse, _computed(pipeline, model, stored), key)
        seen = 0
        for name in pipeline.stored_inputs[model.name]:
            for column in set(stored[name].columns) - KEYS:
                spoilt = stored | {name: _spoilt(stored[name], column)}
                after = _rows(warehouse, _computed(pipeline, model, spoilt), key)
                for each in before.keys() & after.keys():
                    seen += 1
                    differing = {c for c in made_of if before[each][c] != after[each][c]}
                    unnamed = {c for c in differing if (name, column) not in made_of[c]}
                    assert not unnamed - {"total_accounts_count"}, (name, column)
        assert seen > len(before)


def _computed(pipeline: Pipeline, model: Model, stored: dict[str, ir.Table]) -> ir.Table:
    return Tables(pipeline, lambda m: stored.get(m.name), moment(utc_now())).computed(model)


def _rows(warehouse: Any, table: ir.Table, key: tuple[str, ...]) -> dict[Any, Any]:
    return {tuple(row[name] for name in key): row | {"calculated_at": None} for row in warehouse.store.rows(table)}


def _spoilt(table: ir.Table, column: str) -> ir.Table:
    """Change a column's values, staying within its type."""
    value = table[column]
    if value.type().is_boolean():
        return table.mutate(**{column: ~value})
    if value.type().is_timestamp():
        return table.mutate(**{column: value - ibis.interval(days=400)})
    if value.type().is_string():
        return table.mutate(**{column: ibis.literal("1") + value})
    return table.mutate(**{column: (value + 1).cast(value.type())})
