"""Where received rows stand in the files that were delivered."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lc_ibis.api.warehouse import Warehouse
from lc_ibis.backends.duckdb.extracts import lines_of_rows
from lc_ibis.declare.models import Model
from lc_ibis.engine.receive.extracts import delivered
from lc_ibis.engine.store import Files
from lc_ibis.errors import LcIbisError
from lc_ibis.files.digests import sha256_of


@dataclass(frozen=True)
class Line:
    """A received row in its file: the line on which it begins, or of a Parquet file its row, both from 1.

    `problem` says why it cannot be told: the file is gone, or is another by now.
    """

    file: str
    number: int | None = None
    problem: str = ""
    unit: Literal["line", "row"] = "line"


@dataclass(frozen=True)
class Known:
    """A file that was taken, and is still there as it was; or the problem with it."""

    path: Path
    run_id: int
    files: Files | None = None
    problem: str = ""


def lines_of(warehouse: Warehouse, model: Model, rows: list[dict[str, Any]]) -> Iterator[Line]:
    """Yield where rows of a source stand in the files that were taken, those of the last run first.

    Files that cannot be looked at any more are named only where a row was found in none.
    """
    names = tuple(model.contract.headers())
    wanted = [tuple(row[name] for name in names) for row in rows]
    found = dict.fromkeys(line for known in taken(warehouse, model) for line in lines_in(known, names, wanted))
    told = [line for line in found if line.number]
    yield from told if len(told) >= len(rows) else found


def taken(warehouse: Warehouse, model: Model) -> Iterator[Known]:
    """Yield the files of a source that were taken, those of the last run first."""
    inputs = warehouse.settings.inputs
    mine = warehouse.state.taken.of(model.name).items()
    found = [(known.run_id, file, sha, known.delivery) for (file, sha), known in mine]
    for run, file, sha, how in sorted(found, reverse=True):
        path = inputs / file
        if not path.is_file():
            yield Known(path, run, problem="the file is gone")
        elif sha256_of(path) != sha:
            yield Known(path, run, problem="it is not the file that was loaded")
        else:
            try:
                [files] = delivered(model, inputs, glob.escape(file), how == "delta")
                yield Known(path, run, files)
            except LcIbisError as error:
                yield Known(path, run, problem=str(error))


def lines_in(known: Known, names: tuple[str, ...], wanted: list[tuple[str | None, ...]]) -> Iterator[Line]:
    """Yield where rows, the values of the columns `names`, stand in a file, or the problem with it."""
    if known.files is None:
        yield Line(str(known.path), problem=known.problem)
        return
    try:
        numbers = lines_of_rows(known.files, names, wanted)
    except LcIbisError as error:
        yield Line(str(known.path), problem=str(error))
        return
    unit: Literal["line", "row"] = "row" if known.files.format == "parquet" else "line"
    yield from (Line(str(known.path), number, unit=unit) for number in numbers)
