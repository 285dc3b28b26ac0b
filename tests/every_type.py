"""A table with a column of every type that a contract may have: a row of values, and a row of nulls."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.declare.check_kinds import expression_is_true
from lc_ibis.declare.contracts import Contract
from lc_ibis.declare.models import Incremental, Model, model
from tests.things import contract

# By type, a value; Spark has no times of a day.
VALUES: dict[str, Any] = {
    "string": "=A2",
    "int64": 9007199254740993,
    "decimal(18, 2)": Decimal("-1234.50"),
    "decimal(38, 10)": Decimal("1234567890123456789012345678.0000000001"),
    "float64": 0.1,
    "boolean": True,
    "date": date(2026, 3, 1),
    "timestamp(6)": datetime(2026, 3, 1, 12, 30, 0, 250_000),
    "time": time(12, 30, 0, 250_000),
    "binary": b"a\x00\xff",
    "array<int64>": [1, 2],
    "struct<x: int64, y: string>": {"x": 1, "y": "z"},
}
NOT_IN_SPARK = {"time"}


def name_of(type_: str) -> str:
    """Return the column of a type: a_decimal_38_10."""
    return "a_" + "_".join("".join(letter if letter.isalnum() else " " for letter in type_).split())


def columns_of(values: dict[str, Any]) -> type[Contract]:
    """Return a contract with a column a type, which may be null."""
    return contract(**{name_of(type_): f"{type_}?" for type_ in values})


def table_of(values: dict[str, Any] = VALUES) -> Model:
    """Return a table whose first row has the values, and whose second has nulls. Each row breaks a check."""

    def thing(src_thing: ir.Table) -> ir.Table:
        is_null = src_thing.thing_id == "2"
        columns = {
            name_of(type_): ibis.ifelse(is_null, ibis.null(dt.dtype(type_)), literal(type_, value))
            for type_, value in values.items()
        }
        return src_thing.select(thing_id=src_thing.thing_id.cast("int64"), **columns)

    made = model(Incremental(), columns_of(values))(thing)
    negative = expression_is_true("is_negative", "It is.", lambda t: t.thing_id < 0, lambda t: {"thing_id": t.thing_id})
    made.check(negative.but(severity="warn", columns=tuple(map(name_of, values))))
    return made


def literal(type_: str, value: Any) -> ir.Value:
    """Return a value as an expression of a type."""
    return (
        ibis.literal(format(value, "f")).cast(type_) if isinstance(value, Decimal) else ibis.literal(value, type=type_)
    )
