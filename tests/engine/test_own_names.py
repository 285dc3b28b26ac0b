"""Columns that are called as the engine might call its own: rows of them are compared as any."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir
import pytest

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.declare.contracts import Contract, Flag, Integer, column, key
from lc_ibis.declare.models import Incremental, model
from tests.small import Small, ground

pytestmark = pytest.mark.usefixtures("of_few_rows")


class Odd(Contract):
    """One row per number."""

    k: Integer = key("The number.")
    is_new: Flag = column("A flag.")
    copy: Integer = column("A number.")
    new_count: Integer = column("A number.")
    old_count: Integer = column("A number.")
    rank: Integer = column("A number.")
    t: Integer = column("A number.")
    row_count: Integer = column("A number.")


class Keyless(Contract):
    """One row per row of the other."""

    is_new: Flag = column("A flag.")
    copy: Integer = column("A number.")
    new_count: Integer = column("A number.")
    rank: Integer = column("A number.")


@model(Incremental(), Odd)
def odd(alpha: ir.Table) -> ir.Table:
    return alpha


@model(Incremental(by=()), Keyless)
def keyless(odd: ir.Table) -> ir.Table:
    return odd.select("is_new", "copy", "new_count", "rank")


def test_columns_may_be_called_as_the_engine_s(tmp_path: Path) -> None:
    tables = Small([ground("alpha", Odd), odd, keyless], lambda: DuckDB(tmp_path / "odd.duckdb"))
    rows = [(n, n % 2 == 0, n % 3, n % 2, 1, 2, 3, 4) for n in range(8)]
    with tables.store:
        for changed in (rows, rows[2:], [(n, not b, c, *rest) for n, b, c, *rest in rows], rows[:3], rows):
            tables.take({"alpha": changed})
            for name in ("odd", "keyless"):
                assert tables.stored(name) == tables.expected(name)
