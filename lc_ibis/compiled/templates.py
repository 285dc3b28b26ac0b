"""Templates made from Ibis expressions over unbound tables."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import ibis.backends.sql.compilers as compilers
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import sqlglot.expressions as sge

from lc_ibis.compiled.dialects import DIALECTS
from lc_ibis.compiled.queries import RECEIVED, Dialect, Template
from lc_ibis.declare.marks import RUN_AT, START, mark
from lc_ibis.declare.rules.functions import udfs
from lc_ibis.errors import ModelError

_GIVEN = "lc_ibis_given"


def given(name: str, schema: ibis.Schema) -> ir.Table:
    """Return a table that is given to a template by a name."""
    return ibis.table(schema, name=name, database=_GIVEN)


def template(query: ir.Table, dialect: Dialect) -> Template:
    """Compile a query over unbound tables, each of which is given by its name; a delivery as :received."""
    compiled = getattr(compilers, dialect.name).compiler.to_sqlglot(query)
    for part in compiled.find_all(sge.Literal, sge.Identifier):
        if START in str(part.this) and part.this != mark(RUN_AT):
            raise ModelError(f"{part.this!r} holds the character {START!r}, which has a meaning here. Leave it out.")
    unbound = {table.name for table in query.op().find(ops.UnboundTable)}
    for table in list(compiled.find_all(sge.Table)):
        if table.name in unbound and (table.db or table.name.startswith("received_")):
            name = table.name if table.db else RECEIVED
            table.set("this", sge.to_identifier(mark(name), quoted=False))
            table.set("db", None)
            table.set("catalog", None)
    sql = compiled.sql(DIALECTS[dialect.name])
    return Template(sql, tuple(query.columns), tuple(udfs(query)))


def attempted(value: ir.Value, dialect: Dialect) -> ir.Value:
    """Return a value that is null where it fails; on an engine that has no such thing, the value."""
    if not dialect.attempts:
        return value
    made: ir.Value = _try(value.type().copy(nullable=True))(value)
    return made


@cache
def _try(type_: dt.DataType) -> Any:
    """Return DuckDB's TRY of values of a type, as a function of Ibis."""

    def attempted(value: Any) -> Any: ...

    return ibis.udf.scalar.builtin(attempted, name="try", signature=((type_,), type_))
