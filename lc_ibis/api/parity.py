"""Parity: build the same extracts on two backends in scratch space, and compare what they made."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import duckdb

from lc_ibis import project
from lc_ibis.api.build import run_pipeline
from lc_ibis.backends import keeps_delta, opened
from lc_ibis.backends.duckdb.text import parquet_rows, quoted, stoppable
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import LcIbisError, SettingsError
from lc_ibis.settings import BACKENDS, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

EXAMPLES = 5


@dataclass(frozen=True)
class Compared:
    """A table on two backends. `hashes` cover all rows, in any order; equal hashes mean equal rows."""

    table: str
    layer: str
    status: Literal["identical", "differs"]
    row_counts: tuple[int, int]
    hashes: tuple[str, str]
    keys: tuple[dict[str, Any], ...] = ()


def parity(other: str = "spark", then: tuple[Path, ...] = (), **options: Unpack[Options]) -> list[Compared]:
    """Build the inputs on the settings' backend and on another, and compare every table row by row.

    `then` are directories of inputs to build afterwards, one by one. `options` are the fields of Settings. Its outputs
    and reports are not touched. Its database says where Delta tables put scratch schemas: main.lending gives
    main.lending_parity_…. Raises LcIbisError.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    if other not in BACKENDS:
        raise SettingsError(f"with: {other!r} is not one of {', '.join(BACKENDS)}.")
    with tempfile.TemporaryDirectory(prefix="lc_ibis_parity_") as directory:
        sides = Path(directory, "one"), Path(directory, "other")
        at = utc_now()
        for backend, place in zip((settings.backend, other), sides, strict=True):
            _build(pipeline, replace(settings, backend=backend), [settings.inputs, *then], place, at)
        with duckdb.connect() as con, stoppable(con):
            return [_compared(con, model, *sides) for model in pipeline if model.is_stored]


def _build(pipeline: Pipeline, settings: Settings, inputs: list[Path], place: Path, at: Any) -> None:
    """Build each of the inputs, and write every table as a Parquet file into `place`."""
    database = place / "database"
    if keeps_delta(settings):
        database = Path(f"{settings.database}_" * bool(settings.database) + f"parity_{uuid4().hex[:12]}")
    settings = replace(
        settings, database=database, outputs=place / "outputs",
        reports=place / "reports", select=(), exclude=(), allow_mass_delete=True,
    )  # fmt: skip
    try:
        for number, delivery in enumerate(inputs):
            try:
                run_pipeline(pipeline, replace(settings, inputs=delivery), now=at + timedelta(seconds=number))
            except LcIbisError as error:
                # Of scratch tables and a report that is gone with them there is nothing to say.
                error.report, error.is_undone = None, False
                raise
        with opened(settings, read_only=True) as store:
            for model in pipeline:
                if model.is_stored:
                    store.write_file(store.table(model.layer, model.name), place / f"{model.name}.parquet", "parquet")
    finally:
        with opened(settings) as store:
            store.discard()


def _compared(con: duckdb.DuckDBPyConnection, model: Model, one: Path, other: Path) -> Compared:
    for side, directory in (("one", one), ("other", other)):
        con.execute(f"CREATE OR REPLACE TEMP VIEW {side} AS FROM {parquet_rows(directory / f'{model.name}.parquet')}")
    counts, hashes = zip(*(_hashed(con, side) for side in ("one", "other")), strict=True)
    differing = "((FROM one EXCEPT ALL FROM other) UNION ALL (FROM other EXCEPT ALL FROM one))"
    names = ", ".join(quoted(name) for name in model.business_key or model.contract.content())
    found = con.sql(f"SELECT DISTINCT {names} FROM {differing} ORDER BY ALL LIMIT {EXAMPLES}").to_arrow_table()
    status: Literal["identical", "differs"] = "identical" if not len(found) and hashes[0] == hashes[1] else "differs"
    return Compared(model.name, model.layer, status, counts, hashes, tuple(found.to_pylist()))


def _hashed(con: duckdb.DuckDBPyConnection, side: str) -> tuple[int, str]:
    """Return the number of rows, and the sum of 64 bits of the md5 of each, as text, in hexadecimal digits."""
    [(count, total)] = con.execute(
        f"SELECT count(*), coalesce(sum(md5_number_lower(CAST({side} AS VARCHAR))::HUGEINT), 0) FROM {side}"
    ).fetchall()
    return int(count), f"{int(total):x}"
