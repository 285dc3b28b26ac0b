"""SQL as Ibis 12.0 means it, whatever sqlglot has come to write since."""

from __future__ import annotations

from typing import Any

import ibis.backends.sql.compilers as compilers
import ibis.expr.types as ir
import sqlglot.expressions as sge
from sqlglot.dialects import Databricks, DuckDB, Spark

# Ibis gives what is dropped as `this`. Since 30.11 sqlglot has `tables` instead, and leaves `this` out.
_DROPS_TABLES = "tables" in sge.Drop.arg_types


def _drop(generator: Any, drop: sge.Drop) -> str:
    if _DROPS_TABLES and drop.args.get("this"):
        drop = sge.Drop(**{**drop.args, "this": None, "tables": [drop.args["this"]]})
    return str(generator.drop_sql(drop))


def _lambda(generator: Any, function: sge.Lambda) -> str:
    """Return a function of a list's values as newer versions of sqlglot write it; older ones write x -> x + 1."""
    return f"LAMBDA {generator.expressions(function, flat=True)} : {generator.sql(function, 'this')}"


class _DuckDB(DuckDB.Generator):  # type: ignore[misc]
    TRANSFORMS = {**DuckDB.Generator.TRANSFORMS, sge.Drop: _drop, sge.Lambda: _lambda}  # noqa: RUF012


class _Spark(Spark.Generator):  # type: ignore[misc]
    TRANSFORMS = {**Spark.Generator.TRANSFORMS, sge.Drop: _drop}  # noqa: RUF012


class _Databricks(Databricks.Generator):  # type: ignore[misc]
    TRANSFORMS = {**Databricks.Generator.TRANSFORMS, sge.Drop: _drop}  # noqa: RUF012
    # Since 30.11 it writes TIMESTAMP(6), which not every warehouse knows, and which is TIMESTAMP.
    SUPPORTS_TEMPORAL_PRECISION = False


def _writing(dialect: type, generator: type) -> Any:
    """Return a dialect that writes as a generator does.

    A dialect of its own would lose what sqlglot gives those whose names it knows, such as TRY.
    """
    made: Any = dialect()
    made.generator_class, made.__name__ = generator, dialect.__name__  # by the name Ibis finds its types
    return made


DIALECTS = {
    "duckdb": _writing(DuckDB, _DuckDB),
    "databricks": _writing(Databricks, _Databricks),
    "pyspark": _writing(Spark, _Spark),
}


def written(query: ir.Table, dialect: str) -> str:
    """Return a query's SQL in a dialect, line by line, for reading."""
    compiled = getattr(compilers, dialect).compiler.to_sqlglot(query.unbind())
    return str(compiled.sql(DIALECTS[dialect], pretty=True))
