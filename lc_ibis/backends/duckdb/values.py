"""Types and values as DuckDB's SQL has them; of all but a few plain ones Ibis and sqlglot know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lc_ibis.backends.duckdb.text import DIALECT

if TYPE_CHECKING:
    import ibis

_TYPES: Mapping[str, str] = {
    "string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "boolean": "BOOLEAN", "timestamp(6)": "TIMESTAMP",
    "float64": "DOUBLE", "date": "DATE",
}  # fmt: skip


def type_text(type_: Any) -> str:
    """Return how DuckDB calls a type, Ibis' or its name, where it describes a table."""
    name = type_ if isinstance(type_, str) else str(type_.copy(nullable=True))
    if known := _TYPES.get(name):
        return known
    if decimal := re.fullmatch(r"decimal\((\d+), (\d+)\)", name):
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    import ibis.expr.datatypes as dt
    from ibis.backends.sql.datatypes import DuckDBType

    return str(DuckDBType.to_string(dt.dtype(type_)))


def schema(described: list[list[str]]) -> ibis.Schema:
    """Return columns and types, as DuckDB describes them, as Ibis'."""
    import ibis
    from ibis.backends.sql.datatypes import DuckDBType

    return ibis.schema({name: DuckDBType.from_string(type_) for name, type_ in described})


def value_text(value: Any) -> str:
    """Return a Python value as a literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).upper()
    if isinstance(value, str):
        return DIALECT.text(value)
    if type(value) is datetime and value.tzinfo is None:
        return DIALECT.moment(value)
    import sqlglot.expressions as sge

    return str(sge.convert(value).sql("duckdb"))
