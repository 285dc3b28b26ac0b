"""The file of a DuckDB database: copied, and put in its place, while no other process writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from lc_ibis.backends.duckdb.file import CATALOG
from lc_ibis.backends.duckdb.text import cannot_open, first_line, is_newer, literal, stoppable
from lc_ibis.errors import BackupError, DatabaseError, DatabaseInUse
from lc_ibis.files.digests import sha256_of
from lc_ibis.files.places import Kept, beside, keep, put_new, stage
from lc_ibis.files.whole import copied, settle


def copy(place: Path, directory: Path) -> None:
    """Copy a database into a directory, as one file of its name.

    The caller has it open, so that no other process writes; thereafter others may. Raises DatabaseError.
    """
    target, log = directory / place.name, _log(place)
    # The only descriptor of our own: when any of a process is closed, the system drops the lock that DuckDB holds.
    with place.open("rb") as database:
        copied(database, target)
        if not log.exists():
            return
        with log.open("rb") as written:
            copied(written, _log(target))
    try:
        with duckdb.connect() as con, stoppable(con):
            con.execute(f"ATTACH {literal(str(target))} AS {CATALOG}; CHECKPOINT {CATALOG}; DETACH {CATALOG}")
    except duckdb.Error as error:
        raise DatabaseError(f"{place}: DuckDB cannot read its write-ahead log ({first_line(error)}).") from None


@contextmanager
def replaced(directory: Path, files: Mapping[str, str], place: Path, mark: str) -> Iterator[Kept | None]:
    """Put the database of a backup in its place; inside, no other process writes to it.

    `files` are the sha256 of the backup's files by their place below `directory`. What was in the place is kept under
    its name with the `mark`. Gives None where the same database was there already. Raises BackupError, DatabaseError,
    OSError; then the place is as it was.
    """
    if len(files) != 1:
        raise BackupError(f"{directory}: a DuckDB backup has exactly one file there. Use another backup.")
    [(name, sha256)] = files.items()
    with ExitStack() as held:
        con = held.enter_context(duckdb.connect())
        held.enter_context(stoppable(con))
        is_new, staged = not place.exists(), beside(place.resolve())
        if _locked(con, place) and _is_same(held, place, directory / name, sha256):
            yield None
            return
        held.callback(staged.unlink, missing_ok=True)
        stage(directory / name, sha256, staged)
        _opened(con, staged, directory / name)
        yield _put_new(staged, place) if is_new else _swapped(staged, place, mark)


def _locked(con: duckdb.DuckDBPyConnection, place: Path) -> bool:
    """Keep other processes out of a database, its log folded in; say whether there is one that DuckDB can read."""
    if place.is_dir():
        raise DatabaseError(f"{place}: the path is a directory. Choose a file with --database.")
    if not place.exists():
        place.resolve().parent.mkdir(parents=True, exist_ok=True)
        return False
    try:
        con.execute(f"ATTACH {literal(str(place))} AS {CATALOG}")
        if _log(place).exists():
            con.execute(f"CHECKPOINT {CATALOG}")
    except duckdb.Error as error:
        found = cannot_open(place, error)
        # Another process' lock, a later DuckDB, or a file that we may not write, is no damage that a backup mends.
        if isinstance(found, DatabaseInUse) or is_newer(error) or not os.access(place, os.R_OK | os.W_OK):
            raise found from None
        return False
    return True


def _is_same(held: ExitStack, place: Path, source: Path, sha256: str) -> bool:
    if _log(place).exists() or place.stat().st_size != source.stat().st_size:
        return False
    # Closed last, for the reason that copy has.
    return sha256_of(held.enter_context(place.open("rb"))) == sha256


def _opened(con: duckdb.DuckDBPyConnection, staged: Path, source: Path) -> None:
    """Open the new database before it is in its place, so that no build writes to it once it is there."""
    try:
        con.execute(f"ATTACH {literal(str(staged))} AS restored (READ_ONLY)")
    except duckdb.Error as error:
        raise BackupError(f"{source}: this version of DuckDB cannot open it ({first_line(error)}).") from None


def _put_new(staged: Path, place: Path) -> Kept:
    put_new(staged, place.resolve())
    settle(place.resolve().parent)
    return Kept(place, None)


def _swapped(staged: Path, place: Path, mark: str) -> Kept:
    log, target = _log(place), place.resolve()
    aside = target.with_name(f"{target.name}.{mark}")
    keep(target, aside)
    try:
        if log.exists():
            # Of a database that cannot be read: it would be taken for the log of the new one.
            os.replace(log, _log(aside))
        os.replace(staged, target)
    except OSError:
        if _log(aside).exists():
            os.replace(_log(aside), log)
        aside.unlink()
        raise
    settle(target.parent)
    return Kept(place, aside)


def _log(place: Path) -> Path:
    """Return where DuckDB keeps what is committed and not yet in the file.

    That is beside a link before DuckDB 1.5, and beside the file that it leads to since.
    """
    logs = [path.with_name(f"{path.name}.wal") for path in (place, place.resolve())]
    return next((log for log in logs if log.exists()), logs[0])
