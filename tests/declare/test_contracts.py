"""Law 7 (docs/laws.md): a table's columns, order, types and nullability are its contract's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pytest

import lc_ibis
import lc_ibis.api.warehouse
from lc_ibis.api.build import run_pipeline
from lc_ibis.declare.check_kinds import contract_checks
from lc_ibis.declare.contracts import Contract, Integer, Moment, Text, column, key, received_key, stamp, verify
from lc_ibis.declare.history import Versions
from lc_ibis.declare.models import CheckStrategy, Incremental, Model, Snapshot, Source, model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import ContractError, ModelError
from lc_ibis.layers import pipeline
from lc_ibis.settings import Settings
from tests.conftest import ALICE, SAVINGS, Lending

pytestmark = pytest.mark.usefixtures("as_if_large")


class Things(Contract):
    """One row per thing."""

    thing_id: Integer = key("Its number.")
    label: Text | None = column("Its label.")
    price_amount: Annotated[Decimal, dt.Decimal(18, 2)] = column("Its price.")
    made_at: Moment = stamp("When the row was made.")


class Relabelled(Things):
    """One row per thing; its making is a fact of its own here."""

    made_at: Moment = column("When the thing was made.")
    colour: Text = column("Its colour.")


def test_a_contract_knows_its_columns_in_order() -> None:
    assert Things.schema() == ibis.schema(
        {"thing_id": "int64", "label": "string", "price_amount": "decimal(18,2)", "made_at": "timestamp(6)"}
    )
    assert (Things.key(), Things.stamps()) == (("thing_id",), ("made_at",))
    assert [c.is_nullable for c in Things.columns] == [False, True, False, False]


def test_a_column_declared_again_keeps_its_place_and_takes_the_new_meaning() -> None:
    assert [c.name for c in Relabelled.columns] == ["thing_id", "label", "price_amount", "made_at", "colour"]
    assert Relabelled.stamps() == ()


def test_a_contract_implies_checks() -> None:
    assert [check.name for check in contract_checks(Things)] == [
        "not_null_thing_id", "not_null_price_amount", "not_null_made_at", "unique_thing_id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price_amount": "float64"}, "things.price_amount: contract says decimal(18, 2), here gives float64"),
        ({"price_amount": "decimal(18,3)"}, "contract says decimal(18, 2), here gives decimal(18, 3)"),
        ({"thing_id": "int32"}, "things.thing_id: contract says int64, here gives int32"),
        ({"made_at": "timestamp('UTC')"}, "things.made_at: contract says timestamp(6)"),
        ({"extra": "string"}, "unexpected: extra"),
    ],
)
def test_a_violation_names_table_column_both_types_and_the_mend(change: dict[str, str], message: str) -> None:
    actual = ibis.schema({**dict(Things.schema().items()), **change})
    with pytest.raises(ContractError) as error:
        verify("things", "here", Things, actual)
    assert message in str(error.value)
    assert "change Things" in str(error.value)


def test_missing_and_reordered_columns_are_named() -> None:
    with pytest.raises(ContractError, match="missing: label"):
        verify("things", "here", Things, ibis.schema({"thing_id": "int64"}))
    with pytest.raises(ContractError, match="here gives made_at, price_amount, label, thing_id"):
        verify("things", "here", Things, ibis.schema(dict(reversed(list(Things.schema().items())))))


def test_every_stored_table_is_its_contract_to_the_type(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(lending.database) as warehouse:
        for table in (m for m in pipeline if m.is_stored):
            stored = warehouse.store.schema_of(warehouse.table(table.name))
            verify(table.name, "the database", table.contract, stored)


def test_outputs_keep_decimals(lending: Lending) -> None:
    import pyarrow.parquet as pq

    lending.load([ALICE], [SAVINGS])
    for name in ("account_summary", "customer_profile"):
        written = pq.read_schema(lending.outputs / f"{name}.parquet")
        expected = pipeline[name].contract.schema()
        assert list(written.names) == list(expected.names)
        for field, wanted in zip(written, expected.values(), strict=True):
            if wanted.is_decimal():
                assert (field.type.precision, field.type.scale) == (wanted.precision, wanted.scale)


# A pipeline of two tables, whose second can be given any code.


class SrcThing(Contract):
    """One row per received thing."""

    thing_id: Text | None = received_key("ThingID", "Its number.", lambda text: text.try_cast("int64"))
    loaded_at: Moment = stamp("When it was first received.")


@model(Source(file="things"), SrcThing)
def src_thing(received: ir.Table) -> ir.Table:
    return received


class Thing(Contract):
    """One row per thing."""

    thing_id: Integer = key("Its number.")


def _run(root: Path, *models: Model) -> None:
    (root / "things.csv").write_text("ThingID\n1\n2\n")
    places = {"database": root / "t.duckdb", "inputs": root, "outputs": root / "o", "reports": root / "r"}
    run_pipeline(Pipeline([src_thing, *models]), Settings.load(**places))


def test_a_model_that_breaks_its_contract_publishes_nothing(tmp_path: Path) -> None:
    @model(Incremental(), Thing)
    def thing(src_thing: ir.Table) -> ir.Table:
        return src_thing.select("thing_id")

    with pytest.raises(ContractError, match=r"thing\.thing_id: contract says int64, declare/test_contracts\.py gives"):
        _run(tmp_path, thing)
    assert not (tmp_path / "t.duckdb").exists()


def test_changed_code_rebuilds_the_table_and_what_reads_it(tmp_path: Path) -> None:
    def version(factor: int) -> Model:
        @model(Incremental(), Thing)
        def thing(src_thing: ir.Table) -> ir.Table:
            return src_thing.select(thing_id=src_thing.thing_id.cast("int64") * factor)

        return thing

    @model(Incremental(), Thing)
    def thing_again(thing: ir.Table) -> ir.Table:
        return thing

    for factor in (1, 10):
        _run(tmp_path, version(factor), thing_again)
        with lc_ibis.api.warehouse.Warehouse(
            Pipeline([src_thing, version(factor), thing_again]), Settings.load(database=tmp_path / "t.duckdb")
        ) as warehouse:
            rows = warehouse.store.rows(warehouse.table("thing_again"))
            assert sorted(row["thing_id"] for row in rows) == [factor, 2 * factor]


def test_a_changed_contract_makes_the_table_anew(tmp_path: Path) -> None:
    @model(Incremental(), Thing)
    def thing(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(thing_id=src_thing.thing_id.cast("int64"))

    class WiderThing(Thing):
        """One row per thing."""

        label: Text = column("Its label.")

    def wider(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(thing_id=src_thing.thing_id.cast("int64"), label=src_thing.thing_id)

    wider.__name__ = "thing"
    _run(tmp_path, thing)
    wide = model(Incremental(), WiderThing)(wider)
    _run(tmp_path, wide)
    settings = Settings.load(database=tmp_path / "t.duckdb")
    with lc_ibis.api.warehouse.Warehouse(Pipeline([src_thing, wide]), settings) as warehouse:
        assert warehouse.table("thing").columns == ("thing_id", "label")


def test_a_history_is_never_made_anew(tmp_path: Path) -> None:
    """A column more in its contract is refused, and the history stays."""

    class SnapThing(Versions, Thing):
        """One row per version of a thing."""

    class WiderSnapThing(Versions, Thing):
        """One row per version of a thing."""

        label: Text | None = column("Its label.")

    def snap_thing(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(thing_id=src_thing.thing_id.cast("int64"))

    def wider(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(thing_id=src_thing.thing_id.cast("int64"), label=src_thing.thing_id)

    wider.__name__ = "snap_thing"
    kind = Snapshot(CheckStrategy())
    _run(tmp_path, model(kind, SnapThing)(snap_thing))
    before = (tmp_path / "t.duckdb").read_bytes()
    with pytest.raises(ContractError, match="snap_thing: the stored history has .*Histories are never rebuilt"):
        _run(tmp_path, model(kind, WiderSnapThing)(wider))
    assert (tmp_path / "t.duckdb").read_bytes() == before


def test_a_parameter_that_is_no_model_is_refused_with_a_hint() -> None:
    @model(Incremental(), Thing)
    def thing(src_thin: ir.Table) -> ir.Table:
        return src_thin

    with pytest.raises(ModelError, match=r"parameter src_thin is not a model. Did you mean src_thing\?"):
        Pipeline([src_thing, thing])


def test_models_that_read_each_other_are_refused() -> None:
    @model(Incremental(), Thing)
    def left(right: ir.Table) -> ir.Table:
        return right

    @model(Incremental(), Thing)
    def right(left: ir.Table) -> ir.Table:
        return left

    with pytest.raises(ModelError, match="form a cycle"):
        Pipeline([left, right])


def test_a_stored_table_needs_a_contract() -> None:
    with pytest.raises(ModelError, match="thing: a stored table needs a contract with columns"):

        @model(Incremental())
        def thing(src_thing: ir.Table) -> ir.Table:
            return src_thing
