"""What a model reads besides its inputs: rows in memory and Python functions, which count as its code, or are refused.

Rows of a memtable become literals, so that they run on every engine and are in the query's text. For functions see
functions.py. All else is refused: another table, a file, SQL of one engine.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, cast

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.common.exceptions import IbisError
from ibis.expr.operations.udf import InputType

from lc_ibis.declare.rules.function_text import untold
from lc_ibis.errors import cut

MOST_ROWS = 500
_DELIVER = "Deliver it as a source."
_FOREIGN = (ops.DatabaseTable, ops.SQLQueryResult, ops.SQLStringView, ops.AliasedRelation)
_VECTORIZED = (ops.ElementWiseVectorizedUDF, ops.ReductionVectorizedUDF, ops.AnalyticVectorizedUDF)


def refusal(expr: ir.Table) -> str | None:
    """Return what in a model's query cannot be run or told, and the remedy; None if nothing is."""
    found = expr.op().find((*_FOREIGN, ops.InMemoryTable, ops.ScalarUDF, *_VECTORIZED))
    return next(filter(None, map(_refused, found)), None)


def _refused(node: ops.Node) -> str | None:
    if isinstance(node, ops.InMemoryTable):
        return _refused_rows(node)
    if isinstance(node, ops.ScalarUDF):
        return _refused_function(node)
    if isinstance(node, _VECTORIZED):
        return "it uses a pandas UDF, which not all engines support. Use ibis.udf.scalar.python."
    if isinstance(node, ops.DatabaseTable):
        return f"it reads {node.name} through its own connection. {_DELIVER[:-1]}, or take a model as a parameter."
    if isinstance(node, ops.SQLQueryResult):
        return f"it reads the result of SQL through its own connection. {_DELIVER}"
    return "it contains SQL text, or an alias for it, which works on one engine only. Write it as an Ibis expression."


def _refused_rows(node: ops.InMemoryTable) -> str | None:
    for name, type_ in node.schema.items():
        if not _is_plain(type_):
            return (
                f"its memtable has a column {name} of type {type_}, for which not all engines have literals. {_DELIVER}"
            )
    from pyarrow import ArrowException  # late: only memtables need it

    try:
        count = _count(node)
        if count > MOST_ROWS:
            return f"its memtable has {count} rows, more than {MOST_ROWS}. {_DELIVER}"
        _rows(node)
    except (ValueError, TypeError, ArithmeticError, IbisError, ArrowException) as error:
        return f"its memtable does not fit its schema ({cut(' '.join(str(error).split()))}). Fix it."
    return None


def _refused_function(udf: Any) -> str | None:
    if udf.__input_type__ is InputType.BUILTIN:
        return None
    name = udf.__func_name__
    if udf.__input_type__ is InputType.PANDAS:
        return f"its function {name} is a pandas UDF, which not all engines support. Use ibis.udf.scalar.python."
    why = untold(udf)
    return f"its function {name} {why}, so a change there would not be noticed." if why else None


# Rows in memory -------------------------------------------------------------------------------------


def inlined(expr: ir.Table) -> ir.Table:
    """Return the query with each memtable as literals of the same schema, in an order of their own."""
    found = expr.op().find(ops.InMemoryTable)
    return expr.op().replace({node: _literals(node) for node in found}).to_expr() if found else expr


def _literals(node: ops.InMemoryTable) -> ops.Relation:
    """Return a memtable as an array of structs of text: a union of rows would take Spark half a minute to plan."""
    rows = sorted(_rows(node), key=repr)
    names = [f"c{i}" for i in range(len(node.schema))]
    given = [dict(zip(names, row, strict=True)) for row in rows or [(None,) * len(names)]]
    array = ops.Literal(given, dt.Array(dt.Struct(dict.fromkeys(names, dt.string))))
    row = ops.DummyTable({"row": ops.Unnest(array)}).to_expr().row
    columns = {
        name: ops.Cast(row[given_name], to=type_).to_expr()
        for given_name, (name, type_) in zip(names, node.schema.items(), strict=True)
    }
    table = row.as_table().select(**columns)
    # Of an empty array engines do not know the type.
    return (table if rows else table.filter(ibis.literal(False))).op()


def _is_plain(type_: dt.DataType) -> bool:
    return any(
        (type_.is_string(), type_.is_boolean(), type_.is_integer(), type_.is_floating(), type_.is_decimal(),
         type_.is_date(), type_.is_timestamp())
    )  # fmt: skip


def _rows(node: ops.InMemoryTable) -> list[tuple[str | None, ...]]:
    """Return the rows of a memtable, values as the text that a cast to the column's type reads."""
    columns = [[_written(value) for value in _values(node, name)] for name in node.schema.names]
    return list(zip(*columns, strict=True))


def _count(node: ops.InMemoryTable) -> int:
    held: Any = getattr(node.data, "obj", None)
    return len(held) if hasattr(held, "__len__") else int(node.data.to_pyarrow(node.schema).num_rows)


def _values(node: ops.InMemoryTable, name: str) -> list[Any]:
    """Return a column's values. Raises ValueError, TypeError, ArrowException where they are not of its type."""
    import pyarrow as pa

    type_, held = node.schema[name], getattr(node.data, "obj", None)
    if type(held).__module__.split(".")[0] != "pandas":
        return cast(list[Any], node.data.to_pyarrow(node.schema).column(name).to_pylist())
    column = cast(Any, held).iloc[:, [node.schema.names.index(name)]].set_axis([name], axis=1)
    if not (type_.is_decimal() or type_.is_integer()):
        return cast(list[Any], type(node.data)(column).to_pyarrow(ibis.schema({name: type_})).column(0).to_pylist())
    # Of these Ibis makes a Decimal of nulls too, and fails, or takes what is rounded already.
    read = _number if type_.is_decimal() else _whole
    values = [
        None if value is None else read(str(value)) for value in pa.array(column[name], from_pandas=True).to_pylist()
    ]
    return cast(list[Any], pa.array(values, type_.to_pyarrow()).to_pylist())


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None


def _whole(text: str) -> int:
    """Return a number that a frame with nulls holds as a float as what it was. Raises ValueError."""
    value = _number(text)
    if value != int(value) or ("." in text and abs(value) > 2**53):
        raise ValueError(f"{text} is not an integer, or was rounded; give the rows as a pyarrow table")
    return int(value)


def _written(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
