"""Stamps are filled by the engine: with the time of the run that last changed the rest of the row."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

import lc_ibis
from lc_ibis.declare import (
    Contract,
    Incremental,
    Integer,
    Model,
    Moment,
    Pipeline,
    Text,
    column,
    key,
    model,
    moment,
    stamp,
)
from lc_ibis.declare.pipeline import Tables, unbound, unbound_delivery
from lc_ibis.errors import ContractError, ModelError
from lc_ibis.layers import pipeline
from lc_ibis.layers.judging import refused
from lc_ibis.layers.staging import QuarantineStgCustomer
from tests.things import Things, src_thing

pytestmark = pytest.mark.usefixtures("as_if_large")


class Thing(Contract):
    """One row per thing."""

    noted_at: Moment = stamp("The run that last changed the row.")
    thing_id: Integer = key("Its number.")
    told_at: Moment = stamp("The same.")
    size: Text = column("How large it is.")


def thing(made: Any) -> Model:
    def thing(src_thing: ir.Table) -> ir.Table:
        return made(src_thing.select(thing_id=src_thing.thing_id.try_cast("int64")).mutate(size=ibis.literal("large")))

    return model(Incremental(), Thing)(thing)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    return Things(tmp_path, monkeypatch)


STAMPS = "SELECT noted_at, told_at FROM marts.thing ORDER BY thing_id"


def test_a_stamp_is_where_the_contract_has_it(things: Things) -> None:
    run = things.build(Model(thing(lambda t: t).function, Incremental(), Thing, "marts"))
    assert things.sql(STAMPS) == [(run.run_at, run.run_at)] * 2
    assert [name for (name, *_) in things.sql("DESCRIBE marts.thing")] == ["noted_at", "thing_id", "told_at", "size"]


def test_what_a_function_fills_in_is_never_stored(things: Things) -> None:
    """Neither by the first build, which stores all rows at once, nor by one that stores some."""
    long_ago = ibis.timestamp("2001-01-01 00:00:00").cast("timestamp(6)")
    made = thing(lambda t: t.select(noted_at=long_ago, thing_id="thing_id", told_at=long_ago, size="size"))
    filling = Model(made.function, Incremental(), Thing, "marts")
    with pytest.warns(FutureWarning, match=r"thing \(declare/test_stamps.py\): it fills noted_at, told_at itself\."):
        first = things.build(filling)
    (things.root / "things.csv").write_text("ThingID\n1\n2\n3\n")
    second = things.build(filling)
    assert things.sql(STAMPS) == [(first.run_at, first.run_at)] * 2 + [(second.run_at, second.run_at)]


def test_one_that_fills_none_is_not_warned_of(things: Things, recwarn: pytest.WarningsRecorder) -> None:
    things.build(Model(thing(lambda t: t).function, Incremental(), Thing, "marts"))
    assert not [warning for warning in recwarn if warning.category is FutureWarning]


def test_a_model_is_called_as_its_author_wrote_it() -> None:
    assert src_thing(unbound_delivery(src_thing)).columns == ("thing_id",)


@pytest.mark.parametrize(
    ("made", "given"),
    [(lambda t: t.drop("size"), "thing_id (missing: size;"), (lambda t: t[["size", "thing_id"]], "size, thing_id (missing: none;")],
)  # fmt: skip
def test_what_else_is_wrong_is_said_without_the_stamps(things: Things, made: Any, given: str) -> None:
    with pytest.raises(ContractError, match=re.escape(f"test_stamps.py gives {given}")) as raised:
        things.build(Model(thing(made).function, Incremental(), Thing, "marts"))
    assert "in its order, leaving out stamps, which the engine fills, or change Thing." in str(raised.value)


def test_an_author_s_select_is_the_engine_s(things: Things) -> None:
    """A model that leaves its stamps to the engine has the SQL, and so the fingerprint, that it had with them."""

    def filling(src_thing: ir.Table, run_at: ir.TimestampScalar) -> ir.Table:
        key = src_thing.thing_id.try_cast("int64")
        return src_thing.select(noted_at=run_at, thing_id=key, told_at=run_at, size=ibis.literal("large"))

    def leaving(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(thing_id=src_thing.thing_id.try_cast("int64"), size=ibis.literal("large"))

    found = []
    for function in (filling, leaving):
        function.__name__ = "thing"
        things.has(Model(function, Incremental(), Thing, "marts"))
        found.append(lc_ibis.compile()["thing"])
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_quarantine_of_before_works() -> None:
    found = Tables(pipeline, unbound, moment(datetime(1970, 1, 1)))
    cleaned, repeated = found["customer_cleaned"], found["customer_repeated"]
    now = refused(cleaned, repeated, QuarantineStgCustomer)
    assert refused(cleaned, repeated, ibis.now(), QuarantineStgCustomer).equals(now)


def test_a_function_that_returns_no_table_is_named() -> None:
    with pytest.raises(ModelError, match=r"thing \(declare/test_stamps.py\): it returns None. Return an Ibis table."):
        Pipeline([src_thing, Model(thing(lambda _: None).function, Incremental(), Thing, "marts")])
