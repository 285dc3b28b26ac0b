"""Decimals without a type, and windows out of place: refused in models and in checks, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from lc_ibis.api.build import run_pipeline
from lc_ibis.declare.checks import Check, repeating
from lc_ibis.declare.models import Incremental, Model, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.declare.rules.untyped import untyped
from lc_ibis.errors import ModelError
from lc_ibis.settings import Settings
from tests.conftest import EVERYWHERE, Lending
from tests.things import contract, src_thing

pytestmark = pytest.mark.usefixtures("as_if_large")

THING = ibis.table({"thing_id": "int64", "rate": "decimal(5, 4)"}, name="thing")
RATE = Decimal("0.0125")


@pytest.mark.parametrize(
    "query",
    [
        lambda value: THING.filter(THING.rate > value),
        lambda value: THING.mutate(other=THING.rate.fill_null(value)),
        lambda value: THING.group_by("thing_id").aggregate(other=(THING.rate * value).sum()),
        lambda value: THING.mutate(other=ibis.cases((THING.thing_id > 1, value), else_=Decimal(0))),
        lambda value: THING.filter(THING.rate.isin([Decimal(1), value])),
    ],
)
def test_a_number_that_duckdb_would_round_is_told_wherever_it_stands(query: Callable[[Any], ir.Table]) -> None:
    assert "it contains the untyped decimal 0.0125" in (untyped(query(RATE)) or "")
    assert untyped(query(ibis.literal(RATE, "decimal(5, 4)"))) is None


@pytest.mark.parametrize(
    ("number", "type_"),
    [
        ("0.0125", "decimal(4, 4)"), ("-12.3456", "decimal(6, 4)"), ("1E+20", "decimal(21, 0)"),
        ("9999999999999999.9", "decimal(17, 1)"),
    ],
)  # fmt: skip
def test_the_type_that_is_said_holds_the_number(number: str, type_: str) -> None:
    told = untyped(THING.mutate(other=ibis.literal(Decimal(number)))) or ""
    assert told.endswith(f"Set its type: ibis.literal(Decimal('{number}'), '{type_}').")
    typed = ibis.literal(Decimal(number), type_)
    assert untyped(THING.mutate(other=typed)) is None
    assert ibis.duckdb.connect().to_pyarrow(typed).as_py() == Decimal(number)


@pytest.mark.parametrize("number", ["0", "12.5", "-0.125", "999999999999999.999", "1E+14", "0.5000"])
def test_a_number_that_is_the_same_on_every_engine_needs_no_type(number: str) -> None:
    assert untyped(THING.filter(THING.rate > Decimal(number))) is None


def things(rated: Callable[[ir.Table], ir.DecimalValue]) -> Model:
    """Return a model of things with a rate."""

    def thing(src_thing: ir.Table) -> ir.Table:
        number = src_thing.thing_id.cast("int64")
        return src_thing.select(thing_id=number, rate=rated(src_thing).cast("decimal(5, 4)"))

    return model(Incremental(), contract(rate="decimal(5, 4)"))(thing)


def test_a_model_with_one_is_refused_at_import() -> None:
    with pytest.raises(ModelError, match=r"thing \(.*test_untyped.py.*\): it contains the untyped decimal 0.0125"):
        Pipeline([src_thing, things(lambda t: t.thing_id.cast("decimal(5, 4)") * RATE)])


@pytest.mark.parametrize("backend", EVERYWHERE)
@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        (lambda t: t.rate > RATE, "it contains the untyped decimal 0.0125"),
        (lambda t: t.rate.max().over(order_by=t.rate.max().over()) > 1, "it has a window inside a window"),
    ],
)
def test_a_check_with_one_stops_the_build_before_anything_is_published(
    lending: Lending, breaks: Callable[[ir.Table], ir.BooleanValue], why: str
) -> None:
    thing = things(lambda t: ibis.literal(RATE, "decimal(5, 4)"))
    thing.check(Check("rate_is_low", ("rate",), "The rate is low.", repeating, breaks=breaks))
    (lending.inputs / "things.csv").write_text("ThingID\n1\n")
    with pytest.raises(ModelError, match=rf"thing \(.*\), among its checks: {why}"):
        run_pipeline(Pipeline([src_thing, thing]), Settings.load(**lending.places()))
    assert not lending.database.exists()


@pytest.mark.parametrize("backend", EVERYWHERE)
def test_with_its_type_it_is_the_same_on_every_engine(lending: Lending) -> None:
    thing = things(lambda t: ibis.literal(RATE, "decimal(5, 4)"))
    low = ibis.literal(RATE, "decimal(5, 4)")
    thing.check(Check("rate_is_low", ("rate",), "The rate is low.", repeating, breaks=lambda t: t.rate > low))
    (lending.inputs / "things.csv").write_text("ThingID\n1\n")
    assert run_pipeline(Pipeline([src_thing, thing]), Settings.load(**lending.places())).status == "built"
