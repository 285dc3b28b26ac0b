"""A company of things: contracts and a pipeline of any shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import duckdb
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis import contracts
from lc_ibis.cli import main
from lc_ibis.declare.contracts import Contract, Moment, Text, column, key, received_key, stamp
from lc_ibis.declare.models import Incremental, Model, Source, model
from lc_ibis.declare.pipeline import Output, Pipeline


def typed(type_: str) -> Any:
    """Return the annotation of a column."""
    return Annotated[Any, dt.dtype(type_)]


def contract(version: int | None = None, **columns: Any) -> type[Contract]:
    """Return a contract of a key, thing_id, unless it is among them, and of columns, each by its type."""
    given = {"thing_id": "int64"} | columns
    annotations = {n: typed(t.rstrip("?")) | None if t.endswith("?") else typed(t) for n, t in given.items()}
    fields = {name: key("Its number.") if name == "thing_id" else column("A fact.") for name in given}
    stated = {} if version is None else {"version": version}
    return type(
        "Thing", (Contract,), {"__doc__": "One row per thing.", "__annotations__": annotations, **fields, **stated}
    )


class SrcThing(Contract):
    """One row per received thing."""

    thing_id: Text | None = received_key("ThingID", "Its number.", lambda text: text.try_cast("int64"))
    loaded_at: Moment = stamp("When it was first received.")


@model(Source(file="things"), SrcThing)
def src_thing(received: ir.Table) -> ir.Table:
    return received


def table(contract: type[Contract], kind: Any = None, name: str = "thing") -> Model:
    """Return a model of things whose every column is the number of the thing."""
    columns = [c for c in contract.columns if not c.name.startswith("dbt_")]

    def function(src_thing: ir.Table) -> ir.Table:
        return src_thing.select(**{c.name: src_thing.thing_id.cast(c.type) for c in columns})

    function.__name__ = name
    return model(kind or Incremental(), contract)(function)


class Things:
    """A company of things, whose pipeline is what the commands see."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch):
        self.root, self._patch = root, patch
        self.options = {"database": root / "t.duckdb", "inputs": root, "outputs": root / "o", "reports": root / "r"}
        (root / "things.csv").write_text("ThingID\n1\n2\n")

    def has(self, *models: Model) -> None:
        outputs = [Output("thing")] if any(model.name == "thing" for model in models) else []
        self._patch.setattr("lc_ibis.layers.pipeline", Pipeline([src_thing, *models], outputs))

    def build(self, *models: Model, **options: Any) -> Any:
        self.has(*models)
        return lc_ibis.build(**self.options, **options)

    def files(self) -> dict[str, bytes]:
        """Return the database, and all files but the reports."""
        paths = [path for path in self.root.rglob("*") if path.is_file() and path.parent.name != "r"]
        return {str(path): path.read_bytes() for path in paths}

    def statuses(self) -> dict[str, str]:
        return {diff.model.name: diff.status for diff in contracts.diff(database=self.options["database"])}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.options["database"])) as con:
            return con.execute(statement).fetchall()

    def command(self, *arguments: str) -> Any:
        return CliRunner().invoke(main, ["contract", "diff", *arguments, "--database", str(self.options["database"])])
