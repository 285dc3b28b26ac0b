"""A copy of a DuckDB database that readers may have open while builds run.

DuckDB lets no other process read a file that one writes to. The copy is only ever replaced whole; who has the one
before open goes on reading that.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import cast

import duckdb

from lc_ibis.backends.duckdb.tables import DuckDB
from lc_ibis.backends.duckdb.text import literal, stoppable
from lc_ibis.engine.store import Store
from lc_ibis.errors import DatabaseError, OutputError


def refuse_stranger(place: Path) -> None:
    """Raise OutputError where something is in the place of the copy that no build can have put there."""
    if place.is_dir():
        raise OutputError(f"{place}: the path is a directory. Choose a file with --publish.")
    if place.exists():
        try:
            _last_run(place)
        except duckdb.Error:
            raise OutputError(
                f"{place}: not a copy published by a build. Move it, or choose another --publish."
            ) from None


def publish(store: Store, place: Path, last_run: tuple[int, datetime] | None) -> bool:
    """Put a copy of a database, as it is committed, in its place, unless it is there; say whether it was not.

    Raises OutputError; the tables are published already.
    """
    place = place.resolve()  # a link stays, and what it leads to is replaced
    with suppress(duckdb.Error):
        if place.exists() and _last_run(place) == last_run:
            return False
    try:
        cast(DuckDB, store).copy(place)
    except (OutputError, DatabaseError) as error:
        raise OutputError(f"The tables are published, but the copy for readers cannot be written: {error}") from None
    return True


def _last_run(place: Path) -> tuple[int, datetime] | None:
    with duckdb.connect() as con, stoppable(con):
        con.execute(f"ATTACH {literal(str(place))} AS copy (READ_ONLY)")
        rows = con.execute("SELECT run_id, run_at FROM copy.state.runs ORDER BY run_id DESC LIMIT 1").fetchall()
        return rows[0] if rows else None
