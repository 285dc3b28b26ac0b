"""One module a place where tables live, imported when it is used."""

from __future__ import annotations

from lc_ibis.engine.store import Store
from lc_ibis.errors import SettingsError
from lc_ibis.settings import Settings


def opened(settings: Settings, read_only: bool = False) -> Store:
    """Open the place where the settings' tables live; close it after use. Raises SettingsError, DatabaseError."""
    if settings.backend == "spark":
        try:
            from lc_ibis.backends.spark import Spark
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"backend: spark needs {error.name}, which is not installed. Install lc-ibis[spark]."
            ) from None
        return Spark(settings.place, read_only, settings.master, settings.threads, settings.memory_limit)
    from lc_ibis.backends.duckdb import DuckDB

    return DuckDB(settings.place, read_only, settings.threads, settings.memory_limit)
