"""Where received rows stand in the files that were delivered."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lc_ibis.backends.duckdb_extracts import lines_of_rows
from lc_ibis.engine.deliveries import sha256_of
from lc_ibis.engine.extracts import delivered
from lc_ibis.engine.model import Model
from lc_ibis.errors import LcIbisError
from lc_ibis.warehouse import Warehouse


@dataclass(frozen=True)
class Line:
    """A received row in its file: the line on which it begins, or of a Parquet file its row, both from 1.

    `problem` says why it cannot be told: the file is gone, or is another by now.
    """

    file: str
    number: int | None = None
    problem: str = ""


def lines_of(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]]) -> Iterator[Line]:
    """Yield where rows of a source stand in the files that were taken, those of the last run first.

    Files that cannot be looked at any more are named only where a row was found in none.
    """
    found = list(_looked_for(warehouse, model, rows))
    told = [line for line in found if line.number]
    yield from told if len(told) >= len(rows) else found


def _looked_for(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]]) -> Iterator[Line]:
    names = tuple(model.contract.headers())
    wanted = [tuple(row[name] for name in names) for row in rows]
    taken = warehouse.state.taken.files.items()
    mine = [(run, file, sha, how) for (table, file, sha), (how, run) in taken if table == model.name]
    for _, file, sha, how in sorted(mine, reverse=True):
        path = warehouse.settings.inputs / file
        if not path.is_file():
            yield Line(str(path), problem="it is gone")
        elif sha256_of(path) != sha:
            yield Line(str(path), problem="it is no longer the file that was taken")
        else:
            try:
                [files] = delivered(model, warehouse.settings.inputs, glob.escape(file), how == "delta")
                yield from (Line(str(path), number) for number in lines_of_rows(files, names, wanted))
            except LcIbisError as error:
                yield Line(str(path), problem=str(error))
