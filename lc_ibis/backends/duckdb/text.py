"""Names, values and errors as text of DuckDB's SQL."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from lc_ibis.compiled.queries import Dialect
from lc_ibis.errors import DatabaseError
from lc_ibis.files.processes import in_use, note_running, open_here

DIALECT = Dialect("duckdb")


def quoted(*names: str) -> str:
    """Return a name, qualified by those before it, quoted."""
    return DIALECT.quoted(*names)


def literal(text: str) -> str:
    """Return a text as a literal."""
    return DIALECT.text(text)


def one_file(path: Path | str) -> str:
    """Return a path as a literal where DuckDB takes patterns: its special characters are in brackets."""
    return literal(re.sub(r"[*?\[]", lambda match: f"[{match[0]}]", str(path)))


def parquet_rows(*paths: Path | str) -> str:
    """Return what reads the rows of Parquet files; a directory above them called customer_id=7 is no column."""
    return f"read_parquet([{', '.join(map(one_file, paths))}], hive_partitioning = false)"


def words(error: Exception) -> str:
    """Return what an error of DuckDB's says; where it quotes half of a letter, Python has no more of it than bytes."""
    return error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)


def first_line(error: Exception) -> str:
    """Return what an error says first, at most 200 characters of it.

    Of what goes wrong while DuckDB 2 writes, it gives an error as JSON within another.
    """
    line = words(error).strip().splitlines()[0]
    if inner := re.search(r'"exception_message":("(?:[^"\\]|\\.)*")', line):
        line = json.loads(inner[1])
    return line[:200]


def without_room(path: Path, error: duckdb.Error) -> DatabaseError | None:
    """Return the error of a statement for which disk or memory had no room, or no leave; None of any other."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return DatabaseError(
            f"{path}: out of memory or disk space ({first_line(error)}). Free some, or set --memory-limit."
        )
    if re.search(r"Could not (write|sync|truncate|create|open|move)\b|Failed to commit|Cannot open file", str(error)):
        return DatabaseError(
            f"{path}: DuckDB cannot write ({first_line(error)}). Nothing was changed. Fix that and run it again."
        )
    return None


def is_newer(error: duckdb.Error) -> bool:
    """Say whether a database does not open because a later DuckDB has made it."""
    return bool(re.search(r"storage version|newer version|version number", str(error), re.IGNORECASE))


def cannot_open(path: Path, error: duckdb.Error) -> DatabaseError:
    """Return the error of a database that DuckDB does not open."""
    if is_newer(error):
        return DatabaseError(
            f"{path}: written by a newer version of DuckDB than {duckdb.__version__}, which cannot read it. Upgrade "
            "DuckDB here, or run lc-ibis compact with the newer version: both versions can read the result."
        )
    holder = re.search(r"\(PID (\d+)\)", str(error))
    if re.search("Could not set lock|Conflicting lock", str(error)):
        return in_use(path, int(holder[1]) if holder else None)
    # Of the same process DuckDB keeps a list; it lets several read.
    if re.search("Unique file handle conflict|different configuration than existing connections", str(error)):
        return open_here(path)
    return DatabaseError(f"{path}: DuckDB cannot open it ({first_line(error)}).")


class _Running:
    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.con = con

    def stop(self) -> None:
        self.con.interrupt()


@contextlib.contextmanager
def stoppable(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let a signal stop what the connection runs inside, which raises KeyboardInterrupt."""
    running = _Running(con)
    note_running(running)
    with interruptions(con):
        yield


@contextlib.contextmanager
def interruptions(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Raise KeyboardInterrupt for what DuckDB makes of one, within a query or a function that the query calls."""
    try:
        yield
    except (RuntimeError, duckdb.InvalidInputException) as error:
        if str(error) != "Query interrupted" and "executing the UDF: KeyboardInterrupt" not in str(error):
            raise
        # Other threads would go on with the query, and whoever closes the database would wait for them.
        con.interrupt()
        raise KeyboardInterrupt from None
