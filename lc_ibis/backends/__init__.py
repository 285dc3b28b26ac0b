"""One module a place where tables live, imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lc_ibis.engine.store import Store
from lc_ibis.errors import BackupError, SettingsError
from lc_ibis.files.places import Kept
from lc_ibis.files.processes import waited
from lc_ibis.settings import Settings


def opened(settings: Settings, read_only: bool = False) -> Store:
    """Open the place where the settings' tables live, waiting for others as long as they say; close it after use.

    Raises SettingsError, DatabaseError, DatabaseInUse.
    """
    with _needing(settings):
        return waited(lambda: _OPENERS[settings.backend](settings, read_only), settings.wait)


@contextmanager
def _needing(settings: Settings) -> Iterator[None]:
    try:
        yield
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
        from lc_ibis.backends.spark.session import keeps_delta
    except ModuleNotFoundError:
        return False  # as it will be said when it is opened
    return keeps_delta(settings.remote)


class DatabaseFiles(Protocol):
    """How the files of a backend's tables are copied, and put in place. Raises BackupError, DatabaseError."""

    def copy(self, place: Path, directory: Path) -> None: ...
    def replaced(
        self, directory: Path, files: Mapping[str, str], place: Path, mark: str
    ) -> AbstractContextManager[Kept | None]: ...


def files_of(settings: Settings) -> DatabaseFiles:
    """Return how the files of the settings' tables are copied. Raises BackupError where they are not files here."""
    if keeps_delta(settings):
        raise BackupError(
            f"backend: {settings.backend} uses Delta tables, which keep their own versions. Restore one with "
            "RESTORE TABLE … TO TIMESTAMP AS OF …, all tables of all schemas to the same moment, or copy the tables "
            "with CREATE TABLE … DEEP CLONE …."
        )
    with _needing(settings):
        return cast(DatabaseFiles, import_module(f"lc_ibis.backends.{_FILES[settings.backend]}"))


def frozen(settings: Settings) -> Store:
    """Open the place where the settings' tables live for reading, so that no build runs until it is closed."""
    # DuckDB keeps writers out while a reader is there; Spark's tables have a lock that only builds take.
    return opened(settings, read_only=settings.backend == "duckdb")


def _duckdb(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.duckdb.tables import DuckDB

    return DuckDB(settings.place, read_only, settings.threads, settings.memory_limit)


def _spark(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.spark.session import Session

    session = Session(settings.remote, settings.master, settings.threads, settings.memory_limit)
    if session.has_delta:
        from lc_ibis.backends.spark.delta import Delta

        return Delta(str(settings.database or Delta.PREFIX), session, read_only)
    from lc_ibis.backends.spark.parquet import Parquet

    return Parquet(settings.place, session, read_only)


def _databricks(settings: Settings, read_only: bool) -> Store:
    from lc_ibis.backends.spark.databricks import Warehouse
    from lc_ibis.backends.spark.delta import Delta

    return Delta(str(settings.database or Warehouse.place()), Warehouse(), read_only)


_FILES = {"duckdb": "duckdb.copies", "spark": "spark.copies"}
_OPENERS = {"duckdb": _duckdb, "spark": _spark, "databricks": _databricks}
