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


class DuckDBDialect(DuckDB):  # type: ignore[misc]
    class Generator(DuckDB.Generator):  # type: ignore[misc]
        TRANSFORMS = {**DuckDB.Generator.TRANSFORMS, sge.Drop: _drop}  # noqa: RUF012


class SparkDialect(Spark):  # type: ignore[misc]
    class Generator(Spark.Generator):  # type: ignore[misc]
        TRANSFORMS = {**Spark.Generator.TRANSFORMS, sge.Drop: _drop}  # noqa: RUF012


class DatabricksDialect(Databricks):  # type: ignore[misc]
    class Generator(Databricks.Generator):  # type: ignore[misc]
        TRANSFORMS = {**Databricks.Generator.TRANSFORMS, sge.Drop: _drop}  # noqa: RUF012
        # Since 30.11 it writes TIMESTAMP(6), which not every warehouse knows, and which is TIMESTAMP.
        SUPPORTS_TEMPORAL_PRECISION = False


DIALECTS = {"duckdb": DuckDBDialect, "databricks": DatabricksDialect, "pyspark": SparkDialect}
for _dialect in DIALECTS.values():
    _dialect.__name__ = _dialect.__mro__[1].__name__  # by which Ibis finds its types


def written(query: ir.Table, dialect: str) -> str:
    """Return a query's SQL in a dialect, line by line, for reading."""
    compiled = getattr(compilers, dialect).compiler.to_sqlglot(query.unbind())
    return str(compiled.sql(DIALECTS[dialect], pretty=True))
