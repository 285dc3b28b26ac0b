"""Functions whose rows could be others when they are computed again are refused, and those alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from lc_ibis import project
from lc_ibis.declare.contracts import Contract, Moment, Text, column, from_extract, key, stamp
from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import (
    CheckStrategy,
    Ephemeral,
    Incremental,
    Model,
    Snapshot,
    Source,
    TimestampStrategy,
    model,
)
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.declare.rules.determinism import unsteady
from lc_ibis.errors import ContractError, ModelError
from lc_ibis.layers import pipeline as ours
from tests import ROOT
from tests.things import typed

Made = Callable[[ir.Table], ir.Table]
LOANS = ROOT / "examples/loans"


class SrcEvent(Contract):
    """One row per received event."""

    event_id: Text | None = from_extract("EventID", "Its number.")
    loaded_at: Moment = stamp("When it was first received.")


class Event(Contract):
    """One row per event."""

    event_id: Text = key("Its number.")
    account_id: Text = column("Whose it is.")
    happened_at: Moment = column("When it was; several may be at once.")
    amount: typed("decimal(18, 2)") = column("How much.")
    weight: typed("float64") = column("How heavy.")
    tags: typed("array<string>") = column("What it is of.")


class SnapEvent(Versions, Event):
    """One row per version of an event."""


class Fact(Contract):
    """One row per fact."""

    account_id: Text = key("Whose it is.")
    value: Text = column("What it is.")
    told_at: Moment = stamp("The run that last changed the row.")


@model(Source(file="events"), SrcEvent)
def src_event(received: ir.Table) -> ir.Table:
    return received


@model(Incremental(by=()), Event)
def event(src_event: ir.Table) -> ir.Table:
    text = src_event.event_id
    return src_event.select(
        **{c.name: text.split(",") if c.name == "tags" else text.cast(c.type) for c in Event.columns}
    )


@model(Snapshot(CheckStrategy()), SnapEvent)
def snap_event(event: ir.Table) -> ir.Table:
    return event


def what_hinders(*models: Model) -> str | None:
    """Return why the last of the models is refused; the phrase stands in the error of the pipeline too."""
    try:
        pipeline = Pipeline([src_event, event, snap_event, *models])
    except ContractError:  # its columns are looked at last
        return None
    except ModelError as error:
        return str(error).split("): ", 1)[1]
    return unsteady(pipeline, models[-1])


def fact(made: Made, kind: Any = None) -> Model:
    def fact(event: ir.Table) -> ir.Table:
        return made(event)

    return model(kind or Incremental(by=()), Fact)(fact)


def by_account(**metrics: Callable[[ir.Table], ir.Value]) -> Made:
    return lambda e: e.group_by("account_id").aggregate(**{name: metric(e) for name, metric in metrics.items()})


def over(value: Callable[[ir.Table], ir.Value], *order: str, **more: Any) -> Made:
    """Return the events with a value over a window by account."""
    window = ibis.window(group_by="account_id", order_by=order or None, **more)
    return lambda e: e.mutate(value=value(e).over(window))


def noisy(e: ir.Table) -> ir.Table:
    return e.mutate(noise=ibis.random())


@ibis.udf.scalar.builtin
def gen_random_uuid() -> str: ...


@ibis.udf.scalar.builtin
def md5(text: str) -> str: ...


@ibis.udf.scalar.python
def shouted(text: str) -> str:
    return text.upper()


@ibis.udf.agg.builtin
def product(number: float) -> float: ...


CLOCKS: dict[str, tuple[Made, str]] = {
    "now": (
        lambda e: e.mutate(value=ibis.now()),
        "value depends on ibis.now(), which differs every time. Take run_at, or a column of the data.",
    ),
    "today": (
        lambda e: e.mutate(value=e.happened_at.date() == ibis.today()),
        "value depends on ibis.today(), which differs every time. Take run_at, or a column of the data.",
    ),
    "random": (
        lambda e: e.mutate(value=ibis.random()),
        "value depends on ibis.random(), which differs every time. Derive it from the key.",
    ),
    "uuid": (
        lambda e: e.mutate(value=ibis.uuid()),
        "value depends on ibis.uuid(), which differs every time. Derive it from the key.",
    ),
    "a filter by random": (
        lambda e: e.filter(ibis.random() < 0.5).mutate(value="amount"),
        "a filter depends on ibis.random(), which differs every time. Derive it from the key.",
    ),
    "a function of the engine": (
        lambda e: e.mutate(value=gen_random_uuid()),
        "value depends on gen_random_uuid(), which differs every time. Derive it from the data.",
    ),
    "an aggregate of the engine": (
        by_account(value=lambda e: product(e.weight)),
        "value depends on product, which may differ each time. Compute it from sums, counts or ranks.",
    ),
    "distinct rows": (
        lambda e: noisy(e).distinct().mutate(value="amount"), "noise depends on ibis.random()",
    ),
    "rows of a distinct union": (
        lambda e: noisy(e).union(noisy(e), distinct=True).mutate(value="amount"), "noise depends on ibis.random()",
    ),
    "rows in a subquery": (
        lambda e: e.filter(e.amount.isin(e.limit(3).amount)).mutate(value="amount"), "the rows are limited, in no order",
    ),
    "rowid": (lambda e: e.mutate(value=e.rowid()), "value depends on the place of a row on disk"),
    "a sample": (
        lambda e: e.sample(0.5, seed=1).mutate(value="amount"),
        "the rows are a random sample. Filter by a column of the data.",
    ),
}  # fmt: skip

TIE = "in which rows may tie. Order by a key of the rows too, or by all columns."
TIES: dict[str, tuple[Made, str]] = {
    "first in no order": (
        by_account(value=lambda e: e.amount.first()),
        "value depends on first of amount by account_id, in no order. Order by a key of the rows.",
    ),
    "first": (
        by_account(value=lambda e: e.amount.first(order_by=e.happened_at)),
        f"value depends on first of amount by account_id, in the order of happened_at, {TIE}",
    ),
    "last": (by_account(value=lambda e: e.amount.last(order_by=e.happened_at.desc())), TIE),
    "arbitrary": (by_account(value=lambda e: e.amount.arbitrary()), "arbitrary of amount by account_id, in no order"),
    "argmax": (by_account(value=lambda e: e.amount.argmax(e.happened_at)),
        "in the order of happened_at, in which rows may tie. Take first(order_by=[happened_at.desc(), and a key]).",
    ),
    "argmin": (
        by_account(value=lambda e: e.event_id.argmin(e.amount)),
        "in the order of amount, in which rows may tie. Take first(order_by=[amount, and a key]).",
    ),
    "collect": (by_account(value=lambda e: e.amount.collect()), "array_collect of amount by account_id, in no order"),
    "collect distinct": (by_account(value=lambda e: e.amount.collect(distinct=True)), "in no order"),
    "collect in an order": (by_account(value=lambda e: e.amount.collect(order_by=e.happened_at)), TIE),
    "group_concat": (by_account(value=lambda e: e.event_id.group_concat(order_by=e.happened_at)), TIE),
    "distinct on": (lambda e: e.distinct(on="account_id").mutate(value="amount"), "in no order"),
    "mode": (by_account(value=lambda e: e.event_id.mode()), "may be any of several as frequent values"),
    "row_number": (
        over(lambda e: ibis.row_number(), "happened_at"),
        f"value depends on row_number by account_id, in the order of happened_at, {TIE}",
    ),
    "row_number of no order": (over(lambda e: ibis.row_number()), "in no order"),
    "ntile": (over(lambda e: ibis.ntile(4), "happened_at"), TIE),
    "lag": (over(lambda e: e.amount.lag(), "happened_at"), TIE),
    "lead of the order's column": (over(lambda e: e.happened_at.lead(), "happened_at"), TIE),
    "first over": (over(lambda e: e.amount.first(), "happened_at"), TIE),
    "arbitrary over": (over(lambda e: e.amount.arbitrary(), "event_id"), "arbitrary of amount by account_id, in no order"),
    "first over, ordered where Ibis drops it": (over(lambda e: e.amount.first(order_by=e.event_id)), "in no order"),
    "nth": (over(lambda e: e.amount.nth(2), "happened_at"), TIE),
    "a running sum": (over(lambda e: e.amount.sum(), "happened_at", preceding=None, following=0), TIE),
    "cumsum": (lambda e: e.mutate(value=e.amount.cumsum(order_by="happened_at")), TIE),
    "a moving first of the order's column": (
        over(lambda e: e.happened_at.first(), "happened_at", preceding=2, following=0), TIE,
    ),
    "a moving argmax": (over(lambda e: e.amount.argmax(e.happened_at), "event_id", preceding=2, following=0), "rows may tie"),
    "a moving maximum": (over(lambda e: e.amount.max(), "happened_at", preceding=2, following=0), TIE),
    "a filter by row_number": (
        lambda e: e.filter(ibis.row_number().over(group_by="account_id", order_by="amount") == 0).mutate(value="amount"),
        f"a filter depends on row_number by account_id, in the order of amount, {TIE}",
    ),
    "limit": (lambda e: e.limit(3).mutate(value="amount"), "the rows are limited, in no order"),
    "topk": (lambda e: e.order_by("amount").limit(3).mutate(value="amount"), f"the rows are limited, in the order of amount, {TIE}"),
    "asof": (
        lambda e: e.asof_join(e.view(), "happened_at", rname="their_{name}").mutate(value="their_amount"),
        "the rows are joined asof by happened_at, which picks any matching row. Join by a key of the rows.",
    ),
    "part of a key's join": (
        lambda e: _pairs(e).mutate(value=ibis.row_number().over(order_by="event_id")),
        f"in the order of event_id, {TIE}",
    ),
    "rows that are unnested": (
        lambda e: e.mutate(tag=e.tags.unnest()).mutate(value=ibis.row_number().over(order_by="event_id")), TIE,
    ),
    "the side of an outer join that may be without a row": (
        lambda e: e.left_join(e.view(), "account_id", rname="their_{name}").mutate(
            value=ibis.row_number().over(order_by="their_event_id")
        ),
        TIE,
    ),
    "a row of neither side of an outer join": (
        lambda e: e.outer_join(e.view(), "event_id", rname="their_{name}").mutate(
            value=ibis.row_number().over(order_by="event_id")
        ),
        TIE,
    ),
    "a filter that fixes nothing": (
        lambda e: e.filter(e.event_id == e.account_id).mutate(value=ibis.row_number().over(order_by="happened_at")), TIE,
    ),
    "a union": (
        lambda e: e.union(e).mutate(value=ibis.row_number().over(order_by="event_id")), TIE,
    ),
    "a null that is filled": (
        lambda e: e.fill_null({"event_id": ""}).mutate(value=ibis.row_number().over(order_by="event_id")), TIE,
    ),
}  # fmt: skip

FLOATS: dict[str, tuple[Made, str]] = {
    "sum": (
        by_account(value=lambda e: e.weight.sum()),
        "value depends on sum of weight: add decimals, as the order of floats changes the last digits.",
    ),
    "mean": (by_account(value=lambda e: e.weight.mean()), "mean of weight: add decimals"),
    "sum over": (over(lambda e: e.weight.sum()), "sum of weight: add decimals"),
    "cumsum by key": (lambda e: e.mutate(value=e.weight.cumsum(order_by="event_id")), "add decimals"),
    "variance": (
        by_account(value=lambda e: e.amount.var()),
        "value depends on variance of amount, which is added up in floats, of whatever type. Compute it from sums of decimals.",
    ),
    "deviation": (by_account(value=lambda e: e.amount.std()), "standard_dev of amount"),
    "covariance": (by_account(value=lambda e: e.amount.cov(e.weight)), "covariance of amount, weight"),
    "correlation": (by_account(value=lambda e: e.amount.corr(e.weight)), "correlation of amount, weight"),
    "kurtosis": (by_account(value=lambda e: e.amount.kurtosis()), "kurtosis of amount"),
    "count": (
        by_account(value=lambda e: e.event_id.approx_nunique()),
        "value depends on approx_count_distinct of event_id, which is an estimate. Take the exact one.",
    ),
    "median": (by_account(value=lambda e: e.amount.approx_median()), "is an estimate"),
    "quantile": (by_account(value=lambda e: e.amount.approx_quantile(0.5)), "is an estimate"),
    "quantiles": (by_account(value=lambda e: e.amount.approx_quantile([0.5])), "is an estimate"),
}  # fmt: skip


def _pairs(e: ir.Table) -> ir.Table:
    return e.inner_join(e.view(), "account_id", rname="their_{name}")


@pytest.mark.parametrize(
    ("made", "why"), [pytest.param(*case, id=name) for name, case in (CLOCKS | TIES | FLOATS).items()]
)
def test_what_could_be_another_is_refused(made: Made, why: str) -> None:
    assert why in (what_hinders(fact(made)) or "")


ALLOWED: dict[str, Made] = {
    "first by the key": by_account(value=lambda e: e.amount.first(order_by=[e.happened_at, e.event_id])),
    "first of the order's column": by_account(value=lambda e: e.happened_at.first(order_by=e.happened_at)),
    "first of the group's column": by_account(value=lambda e: e.account_id.first()),
    "argmax by the key": by_account(value=lambda e: e.amount.argmax(e.event_id)),
    "collect by the key": by_account(value=lambda e: e.amount.collect(order_by=e.event_id)),
    "collect distinct in order": by_account(value=lambda e: e.amount.collect(distinct=True, order_by=e.amount)),
    "collect over": over(lambda e: e.amount.collect(), "event_id"),
    "how much is collected": by_account(value=lambda e: e.amount.collect().length()),
    "how much that differs is collected": by_account(value=lambda e: e.amount.collect().unique().length()),
    "group_concat of the order": by_account(value=lambda e: e.event_id.group_concat(order_by=e.event_id)),
    "row_number by the key": over(lambda e: ibis.row_number(), "happened_at", "event_id"),
    "row_number by all columns": lambda e: e.select("amount", "account_id").mutate(
        value=ibis.row_number().over(group_by="account_id", order_by="amount")
    ),
    "ranks": lambda e: e.mutate(
        value=sum(r.over(order_by="amount") for r in (ibis.rank(), ibis.dense_rank(), ibis.percent_rank(), ibis.cume_dist()))
    ),
    "lag by the key": over(lambda e: e.amount.lag(), "event_id"),
    "first over, of the order's column": over(lambda e: e.happened_at.first(), "happened_at"),
    "a sum over the whole group": over(lambda e: e.amount.sum(), "happened_at"),
    "a running sum by value": over(lambda e: e.amount.sum(), "happened_at", range=(None, 0)),
    "a running sum by the key": over(lambda e: e.amount.sum(), "event_id", preceding=None, following=0),
    "topk by the key": lambda e: e.order_by("amount", "event_id").limit(3).mutate(value="amount"),
    "sums of decimals": by_account(value=lambda e: e.amount.sum() + e.amount.mean() + e.weight.max() + e.count()),
    "exact quantiles": by_account(value=lambda e: e.amount.median() + e.amount.quantile(0.9)),
    "floats as decimals": by_account(value=lambda e: e.weight.cast("decimal(18, 6)").sum()),
    "a function of the engine": lambda e: e.mutate(value=md5(e.event_id)),
    "a function in Python": lambda e: e.mutate(value=shouted(e.event_id)),
    "a column that is dropped": lambda e: e.mutate(value="amount", noise=ibis.random()).drop("noise"),
    "a column that is in no contract": by_account(value=lambda e: e.amount.sum(), noise=lambda e: e.weight.sum()),
    "a stamp": lambda e: e.mutate(value="amount", told_at=ibis.now()),
    "a join by keys": lambda e: _pairs(e).mutate(value=ibis.row_number().over(order_by=["event_id", "their_event_id"])),
    "a join of one row": lambda e: e.left_join(e.view(), "event_id", rname="their_{name}").mutate(
        value=ibis.row_number().over(order_by="event_id")
    ),
    "a group's order": lambda e: by_account(total=lambda e: e.amount.sum())(e).mutate(
        value=ibis.row_number().over(order_by="account_id")
    ),
    "a semi-join's order": lambda e: e.semi_join(e.filter(e.amount > 1), "account_id").mutate(
        value=ibis.row_number().over(order_by="event_id")
    ),
    "distinct rows": lambda e: e.select("account_id", "amount").distinct().mutate(value="amount"),
    "an asof join by the key": lambda e: e.asof_join(e.view(), "event_id", rname="their_{name}").mutate(value="amount"),
    "another null that is filled": lambda e: e.fill_null({"account_id": ""}).mutate(
        value=ibis.row_number().over(order_by="event_id")
    ),
    "first of what is ordered by": by_account(value=lambda e: e.event_id.lower().first(order_by=e.event_id.lower())),
    "a row that a filter fixes": lambda e: e.filter(e.event_id == "1").mutate(
        value=ibis.row_number().over(order_by="happened_at")
    ),
    "a count of rows, whatever is in them": lambda e: by_account(value=lambda e: e.count())(noisy(e)),
    "whether there are rows, whatever is in them": lambda e: e.filter(
        (noisy(e).view().event_id == e.account_id).any()
    ).mutate(value="amount"),
    "a union of columns that nobody takes": lambda e: noisy(e).union(noisy(e)).mutate(value="amount"),
    "unnested": lambda e: e.select("account_id", value=e.tags.unnest()),
}  # fmt: skip


@pytest.mark.parametrize("made", [pytest.param(made, id=name) for name, made in ALLOWED.items()])
def test_what_is_the_same_each_time_is_allowed(made: Made) -> None:
    assert what_hinders(fact(made)) is None


# The time of a run -------------------------------------------------------------------------------


def told(made: Callable[[ir.Table, ir.TimestampScalar], ir.Table], kind: Any = None) -> Model:
    def fact(event: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
        return made(event, run_at)

    return model(kind or Incremental(by=()), SnapFact if isinstance(kind, Snapshot) else Fact)(fact)


class SnapFact(Versions, Fact):
    """One row per version of a fact."""


AT_EACH_RUN = "depends on run_at, which differs in every run."


def test_run_at_is_for_stamps() -> None:
    assert what_hinders(told(lambda e, now: e.mutate(value="amount", told_at=now))) is None


@pytest.mark.parametrize(
    ("made", "where"),
    [
        (lambda e, now: e.mutate(value=now.delta(e.happened_at, unit="day")), "value"),
        (lambda e, now: e.mutate(told_at=now).mutate(value=ibis._.told_at.year()), "told_at"),
        (lambda e, now: e.filter(e.happened_at < now.date()).mutate(value="amount"), "a filter"),
        (lambda e, now: e.inner_join(e.view(), [e.happened_at < now]).mutate(value="amount"), "a join"),
        (lambda e, now: e.group_by(account_id=now).aggregate(value=e.count()), "account_id"),
    ],
)
def test_run_at_in_the_content_is_refused(made: Any, where: str) -> None:
    assert what_hinders(told(made)) == (
        f"{where} {AT_EACH_RUN} Declare the column with stamp(...) and leave it out of the result, or take a column of the data. A table that must "
        "depend on the clock is Incremental(by=(), each_run=True)."
    )
    assert what_hinders(told(made, Incremental(by=(), each_run=True))) is None


def test_nothing_but_run_at_is_allowed_to_a_table_of_each_run() -> None:
    assert "ibis.now()" in (
        what_hinders(fact(lambda e: e.mutate(value=ibis.now()), Incremental(by=(), each_run=True))) or ""
    )


def test_a_history_never_looks_at_the_clock() -> None:
    assert what_hinders(told(lambda e, now: e.mutate(value=now, told_at=e.happened_at), Snapshot(CheckStrategy()))) == (
        f"value {AT_EACH_RUN} Take a column of the data: a history already stores the times of its runs."
    )
    # Its stamps too are among the columns that it compares.
    assert AT_EACH_RUN in (what_hinders(told(lambda e, now: e.mutate(told_at=now), Snapshot(CheckStrategy()))) or "")


def test_a_source_takes_run_at_for_its_stamp_alone() -> None:
    @model(Source(file="others"), SrcEvent)
    def src_other(received: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
        return received.filter(received.event_id < run_at.cast("string"))

    assert (
        what_hinders(src_other)
        == f"a filter {AT_EACH_RUN} Declare the column with stamp(...) and leave it out of the result, or take a column of the data."
    )


# The stamps of other tables -----------------------------------------------------------------------


@model(Incremental(), Fact)
def first_fact(event: ir.Table) -> ir.Table:
    return event.group_by("account_id").aggregate(value=event.amount.sum().cast("string"))


def later(made: Made, kind: Any = None, contract: type[Contract] = Fact) -> Model:
    def later(first_fact: ir.Table) -> ir.Table:
        return made(first_fact)

    return model(kind or Incremental(by=()), contract)(later)


OF_STAMPS: dict[str, tuple[Made, str]] = {
    "content": (lambda f: f.mutate(value=f.told_at.cast("string")), "value"),
    "the latest": (lambda f: f.group_by("account_id").aggregate(value=f.told_at.max()), "value"),
    "a key": (lambda f: f.select(account_id=f.told_at.cast("string"), value="value"), "account_id"),
    "a filter": (lambda f: f.filter(f.told_at > ibis.timestamp("2024-01-01 00:00:00")), "a filter"),
    "a group": (lambda f: f.group_by("told_at").aggregate(account_id=f.account_id.max()), "told_at"),
    "a join": (
        lambda f: f.inner_join(f.view(), "told_at", rname="their_{name}").select("account_id", "value"), "a join",
    ),
    "an order": (lambda f: f.mutate(value=ibis.rank().over(order_by=f.told_at)), "value"),
    "a limit": (lambda f: f.order_by("told_at", "account_id").limit(2), "a sort"),
    "distinct rows": (lambda f: f.select("account_id", "told_at", "value").distinct(), "told_at"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "where"), [pytest.param(*case, id=name) for name, case in OF_STAMPS.items()])
def test_a_stamp_of_another_table_in_the_content_is_refused(made: Made, where: str) -> None:
    assert what_hinders(first_fact, later(made)) == (
        f"{where} depends on first_fact.told_at, a stamp: it says which run wrote a row, which changes when the "
        "table is rebuilt. Take a column of content, or the loaded_at of a source."
    )
    # Each build computes it for its own time.
    assert what_hinders(first_fact, later(made, Incremental(by=(), each_run=True))) is None


def test_a_stamp_may_become_a_stamp() -> None:
    assert what_hinders(first_fact, later(lambda f: f)) is None
    assert what_hinders(first_fact, later(lambda f: f.group_by("account_id").aggregate(
        value=f.value.max(), told_at=f.told_at.max()
    ))) is None  # fmt: skip


def test_what_a_source_or_a_history_has_of_its_runs_is_given() -> None:
    @model(Incremental(by=()), Fact)
    def fact(src_event: ir.Table, snap_event: ir.Table) -> ir.Table:
        both = src_event.inner_join(snap_event, "event_id")
        return both.select("account_id", value=ibis.greatest(both.loaded_at, both.dbt_valid_from).cast("string"))

    assert what_hinders(fact) is None


def test_a_stamp_is_no_signal_for_a_history() -> None:
    contract = type("SnapFact", (Versions, Fact), {"__doc__": "One row per version.", "__annotations__": {}})
    assert "told_at depends on first_fact.told_at" in (
        what_hinders(first_fact, later(lambda f: f, Snapshot(CheckStrategy()), contract)) or ""
    )
    assert "told_at depends on first_fact.told_at" in (
        what_hinders(first_fact, later(lambda f: f, Snapshot(TimestampStrategy("told_at")), contract)) or ""
    )
    for strategy in (CheckStrategy(ignore=("told_at",)), TimestampStrategy("told_at", ignore=("told_at",))):
        assert what_hinders(first_fact, later(lambda f: f, Snapshot(strategy), contract)) is None


# What lies between -------------------------------------------------------------------------------


@model(Ephemeral())
def numbered(event: ir.Table) -> ir.Table:
    return event.mutate(value=ibis.row_number().over(order_by="happened_at"))


def test_a_step_that_is_not_stored_is_looked_into() -> None:
    @model(Incremental(by=()), Fact)
    def fact(numbered: ir.Table) -> ir.Table:
        return numbered.filter(numbered.value == 0)

    assert (
        what_hinders(numbered, fact) == f"value of numbered depends on row_number, in the order of happened_at, {TIE}"
    )


def test_what_a_step_has_that_nobody_takes_is_allowed() -> None:
    @model(Incremental(by=()), Fact)
    def fact(numbered: ir.Table) -> ir.Table:
        return numbered.select("account_id", value=ibis.row_number().over(order_by=numbered.event_id))

    assert what_hinders(numbered, fact) is None
    assert what_hinders(numbered) is None  # It is not stored.


def test_the_keys_that_a_history_holds_are_looked_into() -> None:
    @model(Ephemeral())
    def held_event(event: ir.Table) -> ir.Table:
        return event.filter(ibis.random() < 0.5).select("event_id")

    followed = model(Snapshot(CheckStrategy(), held="held_event"), SnapEvent)(lambda event: event)
    followed.function.__name__ = "followed"
    assert "a filter of held_event depends on ibis.random()" in (what_hinders(held_event, followed) or "")


@pytest.mark.parametrize(
    ("order", "is_total"),
    [
        (["dbt_scd_id"], True),
        (["event_id", "dbt_valid_from"], True),
        (["event_id", "dbt_valid_to"], True),
        (["event_id"], False),
        (["dbt_valid_from"], False),
    ],
)
def test_a_version_is_told_by_its_id_or_by_key_and_time(order: list[str], is_total: bool) -> None:
    @model(Incremental(by=()), Fact)
    def fact(snap_event: ir.Table) -> ir.Table:
        return snap_event.mutate(value=ibis.row_number().over(order_by=order))

    assert (what_hinders(fact) is None) == is_total


def test_a_current_version_is_told_by_its_key() -> None:
    @model(Incremental(by=()), Fact)
    def fact(snap_event: ir.Table) -> ir.Table:
        now = snap_event.filter(snap_event.dbt_valid_to.isnull())
        return now.mutate(value=ibis.row_number().over(order_by="event_id"))

    assert what_hinders(fact) is None


def test_tables_of_elsewhere_are_refused_by_name() -> None:
    rates = ibis.duckdb.connect().create_table("rates", schema={"account_id": "string", "value": "string"})
    why = what_hinders(fact(lambda e: e.inner_join(rates, "account_id")))
    assert why == "it reads rates through its own connection. Deliver it as a source, or take a model as a parameter."


def test_a_join_of_any_row_is_refused() -> None:
    any_left = fact(
        lambda e: e.join(e.view(), "account_id", how="any_inner", rname="their_{name}").mutate(value="amount")
    )
    assert "the rows are joined any_" in (what_hinders(any_left) or "")


# Whole pipelines ---------------------------------------------------------------------------------


def test_our_models_are_steady() -> None:
    assert {each.name: why for each in ours if (why := unsteady(ours, each))} == {}


def test_the_models_of_loans_are_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] == "our_models"]:
        monkeypatch.delitem(sys.modules, name)
    theirs = project._with.__wrapped__(ours, ("our_models",), LOANS)
    assert "customer_exposure" in theirs.models
    assert {each.name: why for each in theirs if (why := unsteady(theirs, each))} == {}
