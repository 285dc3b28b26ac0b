"""One file a place where tables live."""

from __future__ import annotations

from lc_ibis.backends.duckdb import DuckDB
from lc_ibis.settings import Settings


def opened(settings: Settings, read_only: bool = False) -> DuckDB:
    """Open the place where the settings' tables live; close it after use."""
    return DuckDB(settings.database, read_only, settings.threads, settings.memory_limit)
