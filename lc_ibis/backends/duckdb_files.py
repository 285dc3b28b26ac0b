"""The file of a DuckDB database: copied, and put in place, while no other process writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from lc_ibis.backends.duckdb import cannot_open
from lc_ibis.backends.duckdb_text import first_line, literal
from lc_ibis.engine.backup import copied, digest_of, settle
from lc_ibis.engine.keeping import Kept, beside, keep, put_new, stage
from lc_ibis.errors import BackupError, DatabaseError, DatabaseInUse


def copy(place: Path, directory: Path) -> None:
    """Copy a database into a directory, as one file of its name.

    The caller has it open, so that no other process writes; thereafter it has not.
    """
    target, log = directory / place.name, _log(place.resolve())
    # The only descriptor of our own: when any of a process is closed, the system drops the lock that DuckDB holds.
    with place.open("rb") as database:
        copied(database, target)
        if log.exists():
            with log.open("rb") as written:
                copied(written, _log(target))
    if _log(target).exists():
        _fold(target)


def _fold(place: Path) -> None:
    """Take what a log holds into its database."""
    try:
        with duckdb.connect() as con:
            con.execute(f"ATTACH {literal(str(place))} AS copied; CHECKPOINT copied; DETACH copied")
    except duckdb.Error as error:
        raise DatabaseError(f"{place}: DuckDB cannot read the copy ({first_line(error)}).") from None


@contextmanager
def replaced(directory: Path, files: Mapping[str, str], place: Path, mark: str) -> Iterator[Kept | None]:
    """Put the database of a backup in its place; inside, no other process writes to it.

    `files` are the sha256 of the backup's files by their place below `directory`. What was in the place is kept under
    its name with the `mark`. Gives None where the same database was there already. Raises BackupError, DatabaseError;
    then the place is as it was.
    """
    if len(files) != 1:
        raise BackupError(f"{directory}: a backup of DuckDB has one file there. Use another backup.")
    [(name, sha256)] = files.items()
    place = place.resolve()
    with ExitStack() as held:
        con = held.enter_context(duckdb.connect())
        is_sound = _locked(con, place)
        if is_sound and _is_same(held, place, directory / name, sha256):
            yield None
            return
        staged = beside(place)
        held.callback(staged.unlink, missing_ok=True)
        _stage(con, directory / name, sha256, staged)
        yield _swapped(staged, place, mark)


def _locked(con: duckdb.DuckDBPyConnection, place: Path) -> bool:
    """Keep other processes out of a database, its log folded in; say whether there is one that DuckDB can read."""
    if place.is_dir():
        raise DatabaseError(f"{place}: a directory is where the database belongs. Name a file with --database.")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        return False
    try:
        con.execute(f"ATTACH {literal(str(place))} AS old")
        if _log(place).exists():
            con.execute("CHECKPOINT old")
    except duckdb.Error as error:
        found = cannot_open(place, error)
        # Another process' lock, or a file that we may not write, is no damage that a backup mends.
        if isinstance(found, DatabaseInUse) or not os.access(place, os.R_OK | os.W_OK):
            raise found from None
        return False
    return True


def _is_same(held: ExitStack, place: Path, source: Path, sha256: str) -> bool:
    if _log(place).exists() or place.stat().st_size != source.stat().st_size:
        return False
    # Closed last, for the reason that copy has.
    return digest_of(held.enter_context(place.open("rb"))) == sha256


def _stage(con: duckdb.DuckDBPyConnection, source: Path, sha256: str, staged: Path) -> None:
    """Copy a backup's database beside its place, and open it, so that no build writes to it once it is there."""
    stage(source, sha256, staged)
    try:
        con.execute(f"ATTACH {literal(str(staged))} AS new (READ_ONLY)")
    except duckdb.Error as error:
        raise BackupError(f"{source}: this DuckDB cannot open it ({first_line(error)}).") from None


def _swapped(staged: Path, place: Path, mark: str) -> Kept:
    if not place.exists():
        put_new(staged, place)
        settle(place.parent)
        return Kept(place, None)
    aside = place.with_name(f"{place.name}.{mark}")
    keep(place, aside)
    if _log(place).exists():
        # Of a database that cannot be read: the log would be taken for one of the new database.
        keep(_log(place), _log(aside))
        _log(place).unlink()
    os.replace(staged, place)
    settle(place.parent)
    return Kept(place, aside)


def _log(place: Path) -> Path:
    """Return where DuckDB keeps what is committed and not yet in the file."""
    return place.with_name(f"{place.name}.wal")
