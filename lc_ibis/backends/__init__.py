"""One module a place where tables live, imported when it is used."""

from __future__ import annotations

from lc_ibis.engine.store import Store
from lc_ibis.errors import SettingsError
from lc_ibis.settings import Settings


def opened(settings: Settings, read_only: bool = False) -> Store:
    """Open the place where the settings' tables live; close it after use. Raises SettingsError, DatabaseError."""
    try:
        return _OPENERS[settings.backend](settings, read_only)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"backend: {settings.backend} needs {error.name}, which is not installed. "
            f"Install lc-ibis[{settings.backend}]."
        ) from None


def keeps_delta(settings: Settings) -> bool:
    """Say whether the tables are Delta tables, in schemas of a catalog, not files of this machine."""
    if settings.backend != "spark":
        return settings.backend == "databricks"
    try:
        from lc_ibis.backends.spark_session import keeps_delta
    except ModuleNotFoundError:
        return False  # as it will be said when it is opened
    return keeps_delta(settings.remote)


def _duckdb(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.duckdb import DuckDB

    return DuckDB(settings.place, read_only, settings.threads, settings.memory_limit)


def _spark(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.spark_session import Session

    session = Session(settings.remote, settings.master, settings.threads, settings.memory_limit)
    if session.has_delta:
        from lc_ibis.backends.delta import Delta

        return Delta(str(settings.database or Delta.PREFIX), session, read_only)
    from lc_ibis.backends.parquet import Parquet

    return Parquet(settings.place, session, read_only)


def _databricks(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.databricks import Warehouse
    from lc_ibis.backends.delta import Delta

    return Delta(str(settings.database or Warehouse.place()), Warehouse(), read_only)


_OPENERS = {"duckdb": _duckdb, "spark": _spark, "databricks": _databricks}
