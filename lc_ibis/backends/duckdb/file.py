"""One DuckDB file: opened, written in one transaction, copied, compacted. One process writes, many read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import duckdb

from lc_ibis.backends.duckdb.text import cannot_open, first_line, interruptions, literal, without_room
from lc_ibis.backends.statements import Statements
from lc_ibis.declare.failures import failed
from lc_ibis.errors import DatabaseError, ModelError, SettingsError
from lc_ibis.files.places import put_new
from lc_ibis.files.processes import note_closed, note_open, note_running
from lc_ibis.files.whole import copied, settle, sweep, write_whole

# The file is attached under a name of its own: the file's name as the catalog's would be
# ambiguous for a file called like a layer.
CATALOG = "lc_ibis"
# A new file is one that all versions of DuckDB from 1.0 on can read and write, whichever makes it.
_FOR_ALL = " (STORAGE_VERSION 'v1.0.0')"
# What DuckDB calls a plan drawn as a tree.
_TREE: Any = "query_tree" if duckdb.__version__.startswith("1.") else "text"
# What DuckDB is, whatever is asked of it. Its SQL reads no variables of Python's as tables, and functions of a list's
# values as older versions of sqlglot write them, too: x -> x + 1.
CONFIG: dict[str, Any] = {"preserve_insertion_order": False, "python_enable_replacements": False}
if not duckdb.__version__.startswith("1."):
    CONFIG["lambda_syntax"] = "ENABLE_SINGLE_ARROW"
# DuckDB takes what it can get unless it is told otherwise.
_MEMORY = "1500MB"
Self = TypeVar("Self", bound="DatabaseFile")


class DatabaseFile:
    """A connection to one database file.

    Raises DatabaseError where the file is missing (when only reading), in use, or no database.
    """

    def __init__(
        self, path: Path, read_only: bool = False, threads: int | None = None, memory_limit: str | None = None
    ):
        if read_only and not path.exists():
            raise DatabaseError(f"{path}: no database found. Create it with lc-ibis build.")
        self.path = path
        self._is_new = not path.exists()
        self._writing = False
        self._read: BinaryIO | None = None
        if not read_only:
            _make_directory(path.parent)
        settings = {"threads": threads, "memory_limit": memory_limit or _MEMORY, "temp_directory": f"{path}.tmp"}
        try:
            self.raw = duckdb.connect(config={k: v for k, v in settings.items() if v is not None} | CONFIG)
        except duckdb.Error as error:
            raise SettingsError(
                f"memory_limit: {memory_limit!r} is not a size like 1GB ({first_line(error)})."
            ) from None
        note_running(self)
        self._statements = Statements(partial(_plan, self.raw))
        if self._statements.is_on:
            self.raw.execute("SET enable_profiling = 'no_output'")
        self._run("SET TimeZone = 'UTC'")
        # DuckDB draws its bar on standard output, where --json goes.
        with contextlib.suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets, where there is no bar
            self._run("SET enable_progress_bar = false")
        try:
            if self._is_new:
                self._make()
            self._attach(path, CATALOG, " (READ_ONLY)" if read_only else "")
        except (duckdb.Error, DatabaseError) as error:
            self._is_new = False  # what is there now is another's
            self.close()
            raise (cannot_open(path, error) if isinstance(error, duckdb.Error) else error) from None
        self._run(f"USE {CATALOG}")
        note_open(path, id(self))
        self._inode = _inode(path)
        if not read_only:
            self._sweep()

    def _make(self) -> None:
        """Make an empty database beside its place, and move it there: one that is half made would be none."""
        made = self.path.resolve()
        sweep(made)
        beside = made.with_name(f".{made.name}.{os.getpid()}.tmp")
        try:
            self._attach(beside, "made", _FOR_ALL)
            self._run("DETACH made")
            put_new(beside, made)
        finally:
            self._remove(beside)

    def _sweep(self) -> None:
        """Remove what a process that was killed had put aside; no other can have the database open now."""
        self._remove(*Path(f"{self.path}.tmp").glob("duckdb_temp_*"))

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a file that this connection created and never wrote is removed."""
        self._statements.summary()
        note_closed(self.path, id(self))
        self.raw.close()
        with contextlib.suppress(OSError):  # there is none, or another process uses it
            Path(f"{self.path}.tmp").rmdir()
        if self._read:
            self._read.close()
        if self._is_new:
            self._remove(self.path, *self._beside())

    def stop(self) -> None:
        """Have what runs end in DuckDB's error; from another thread."""
        self.raw.interrupt()

    def copy(self, place: Path) -> None:
        """Copy the database, as it is committed, to a file, whole at every moment. Raises OutputError."""
        self._run(f"CHECKPOINT {CATALOG}")
        # Closed last: when any descriptor of a process is closed, the system drops the lock that DuckDB holds.
        self._read = self._read or self.path.open("rb")
        source = self._read
        source.seek(0)

        def write(written: Path) -> None:
            copied(source, written)

        write_whole(place, write)

    def compact(self) -> None:
        """Write the database anew, without the room that what was deleted had. Raises DatabaseError."""
        beside, log = self._beside()
        self._remove(beside, log)
        try:
            self._attach(beside, "compacted", _FOR_ALL)
            self._run(f"COPY FROM DATABASE {CATALOG} TO compacted; DETACH compacted")
            settle(beside)
            os.replace(beside, self.path.resolve())
        except (duckdb.Error, OSError) as error:
            raise DatabaseError(
                f"{self.path}: cannot rewrite the database ({first_line(error)}). The old file is unchanged."
            ) from None
        finally:
            self._remove(beside, log)

    def discard(self) -> None:
        """Remove the database, all its tables included, when it is closed."""
        self._is_new = True

    @property
    def interrupted_at(self) -> None:
        """Nothing: a build that was killed has published nothing."""

    def _beside(self) -> tuple[Path, Path]:
        """Return where a first build is made, and its log."""
        return self.path.with_name(f"{self.path.name}.new"), self.path.with_name(f"{self.path.name}.new.wal")

    @staticmethod
    def _remove(*leftovers: Path) -> None:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)

    def _attach(self, path: Path, name: str, mode: str = "") -> None:
        self._run(f"ATTACH {literal(str(path))} AS {name}{mode}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Publish all that is written inside at once, or, on an error, nothing."""
        with interruptions(self.raw), self._published_at_once():
            yield

    @contextlib.contextmanager
    def _published_at_once(self) -> Iterator[None]:
        ours = self._is_new or any(file.exists() for file in self._beside())  # a first build that was killed
        if ours and not self.tables():
            with self._first_build():
                yield
            return
        self._remove(*self._beside())
        self._run("BEGIN TRANSACTION")
        self._writing = True
        try:
            yield
            if self._writing:
                self._run("COMMIT")
                self._writing = self._is_new = False
                self._refuse_moved()
        finally:
            self.rollback()

    def _refuse_moved(self) -> None:
        """Raise DatabaseError where the file that was written to is no longer in its place."""
        if _inode(self.path) != self._inode:
            raise DatabaseError(
                f"{self.path}: the file was removed or replaced during the build, and the changes are lost. "
                "If it is gone, restore a backup, then run the command again."
            )

    @contextlib.contextmanager
    def _first_build(self) -> Iterator[None]:
        """Fill an empty database beside its place and move it there.

        DuckDB reads what an open transaction wrote with one thread; what is committed, with all. The empty file
        stays open until the move, so that no other process builds there too.
        """
        beside, log = self._beside()
        self._run(f"USE memory; DETACH {CATALOG}")
        self._attach(self.path, "place")
        self._remove(beside, log)
        self._attach(beside, CATALOG, _FOR_ALL)
        self._run(f"USE {CATALOG}")
        try:
            yield
            self._run(f"USE memory; DETACH {CATALOG}")
            os.replace(beside, self.path.resolve())
            self._is_new = False
            self._run("DETACH place")
            self._attach(self.path, CATALOG)
            self._inode = _inode(self.path)
            self._run(f"USE {CATALOG}")
        except BaseException:
            self._is_new = True
            raise

    def rollback(self) -> None:
        """Forget all that the transaction wrote; nothing to do once it has ended."""
        if self._writing:
            with contextlib.suppress(duckdb.Error, DatabaseError):  # it has ended already
                self._run("ROLLBACK")
        self._writing = False

    @cached_property
    def con(self) -> Any:
        """The connection, as Ibis' backend."""
        from lc_ibis.backends.duckdb.ibis_backend import backend

        return backend(self.raw)

    def tables(self) -> set[tuple[str, str]]:
        """Return the stored tables as (layer, name)."""
        rows = self._run("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()")
        return set(rows.fetchall())

    def views(self) -> set[tuple[str, str]]:
        """Return the views as (layer, name)."""
        rows = self._run("SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database()")
        return set(rows.fetchall())

    def _run(self, sql: str, aside: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyConnection:
        try:
            with interruptions(self.raw):
                if aside is not None:
                    return aside.execute(sql)
                with self._statements.timed(sql):
                    return self.raw.execute(sql)
        except duckdb.Error as error:
            if found := without_room(self.path, error):
                raise found from None
            if how := failed(error):
                raise ModelError(how) from None
            raise


def _plan(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the plan of the statement that ran last, with what each part of it took, as EXPLAIN ANALYZE does."""
    # A commit has none.
    return "" if sql == "COMMIT" else str(con.get_profiling_information(format=_TREE))


def _inode(path: Path) -> int | None:
    """Return the number of a file in its file system; None where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{directory}: cannot create the directory ({error.strerror}).") from None
