"""Names, values and errors as text of DuckDB's SQL."""

from __future__ import annotations

import duckdb
import sqlglot as sg
import sqlglot.expressions as sge


def quoted(*names: str) -> str:
    """Return a name, qualified by those before it, quoted."""
    return ".".join(sg.to_identifier(name, quoted=True).sql("duckdb") for name in names)


def literal(text: str) -> str:
    """Return a text as a literal."""
    return sge.Literal.string(text).sql("duckdb")


def first_line(error: duckdb.Error) -> str:
    """Return what an error says first, at most 200 characters of it."""
    return str(error).strip().splitlines()[0][:200]
