"""How DuckDB reads extracts, for itself and for other engines, and what it says of those that it cannot read."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import duckdb

from lc_ibis.backends.duckdb.text import first_line, literal, one_file, quoted, stoppable, words
from lc_ibis.engine.receive.csv_faults import is_read_right, line_of_record, misread
from lc_ibis.engine.store import Files
from lc_ibis.errors import DatabaseError, ExtractError

T = TypeVar("T")


def refuse_misread(files: Files, run: Callable[[str], duckdb.DuckDBPyConnection]) -> None:
    """Refuse what DuckDB would read without a word, but not as it is; see csvfile.misread.

    Only a line that ends in an empty field and has commas enough, or that has a space before a quote, can
    belong to such a record. Where one such line does not read right by itself, the file is read a second time.
    `run` is not to be within a transaction: DuckDB ends it where a line cannot be read.
    """
    for path in files.paths:
        try:
            is_suspicious = _is_suspicious(path, len(files.columns), run)
        except (duckdb.InvalidInputException, UnicodeDecodeError):
            # Lines that DuckDB cannot take apart without quotes, such as one with a lone carriage return in a value.
            is_suspicious = True
        if is_suspicious and (fault := misread(path, len(files.columns))):
            raise ExtractError(f"{path}, {fault}")


def _is_suspicious(path: Path, width: int, run: Callable[[str], duckdb.DuckDBPyConnection]) -> bool:
    """Say whether a line may belong to a record that is misread."""
    lines = run(
        f"SELECT line FROM read_csv({one_file(path)}, columns = {{'line': 'VARCHAR'}}, "
        "header = false, auto_detect = false, delim = '\\x1f', quote = '', escape = '', strict_mode = false) "
        "WHERE ((line LIKE '%,' OR line LIKE '%,\"\"') AND "
        f"length(line) - length(replace(line, ',', '')) >= {width}) "
        "OR (contains(line, ' \"') AND regexp_matches(line, '(^|,) +\"'))"
    )
    while suspicious := lines.fetchmany(10_000):
        if not all(is_read_right(line, width) for (line,) in suspicious):
            return True
    return False


def scanning(files: Files) -> str:
    """Return the query that reads files of one form: all columns as text, an empty field as null."""
    paths = f"[{', '.join(one_file(p) for p in files.paths)}]"
    if files.format == "csv":
        columns = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in files.columns)
        scan = (
            f"read_csv({paths}, columns = {{{columns}}}, header = true, auto_detect = false, delim = ',', "
            "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, hive_partitioning = false)"
        )
        names = [quoted(c) for c in files.columns]
    else:
        scan = f"(SELECT COLUMNS(*)::VARCHAR FROM read_parquet({paths}, hive_partitioning = false))"
        names = [f"nullif({quoted(c)}, '') AS {quoted(c)}" for c in files.columns]
    aliases = ", ".join(quoted(c) for c in files.columns)
    return f"SELECT {', '.join(names)} FROM {scan} AS delivery({aliases})"


def reading(files: Sequence[Files], each: Callable[[duckdb.DuckDBPyConnection, str, Files], T]) -> list[T]:
    """Read extracts for an engine that is not DuckDB: give `each` group's query to a function, and return what it does.

    One reader for all engines: none takes a file for sound, or a field for something else, that another does not.
    Raises ExtractError.
    """
    with duckdb.connect() as con, stoppable(con):
        con.execute("SET preserve_insertion_order = false")
        try:
            for group in files:
                if group.format == "csv":
                    refuse_misread(group, con.execute)
            return [each(con, scanning(group), group) for group in files]
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise extract_error(files, error) from None
        except OSError as error:
            raise DatabaseError(f"{error.filename}: cannot write the file ({error.strerror}).") from None


def lines_of_rows(files: Files, names: Sequence[str], rows: Sequence[tuple[str | None, ...]]) -> list[int]:
    """Return the lines of a CSV file on which rows begin, or their places in a Parquet file; all of them count from 1.

    `rows` are the values of the columns `names`. Raises ExtractError.
    """
    [path] = files.paths
    with duckdb.connect() as con, stoppable(con):
        is_row = " AND ".join(f"{quoted(name)} IS NOT DISTINCT FROM ?" for name in names)
        numbered = f"SELECT row_number() OVER () AS _number, * FROM ({scanning(files)})"
        wanted = " OR ".join([f"({is_row})"] * len(rows))
        try:
            found = con.execute(
                f"SELECT _number FROM ({numbered}) WHERE {wanted} ORDER BY 1", [value for row in rows for value in row]
            ).fetchall()
        except (duckdb.Error, UnicodeDecodeError) as error:
            raise extract_error([files], error) from None
    # The first record of a CSV file is its header.
    return [line_of_record(path, number + 1) if files.format == "csv" else number for (number,) in found]


# By format: how DuckDB is told to write it.
_WRITING = {
    "csv": "FORMAT csv, HEADER true",
    "parquet": "FORMAT parquet",
    "parts": "FORMAT parquet, FILE_SIZE_BYTES '128MB', FILENAME_PATTERN 'part-{i}'",
}


def copying(con: duckdb.DuckDBPyConnection, sql: str, path: Path, format: str) -> None:
    """Write a query's rows to one file, csv (with header) or parquet, or a directory of parts. Raises OSError."""
    options = _WRITING[format]
    try:
        con.execute(f"COPY ({sql}) TO {literal(str(path))} ({options})")
    except duckdb.IOException as error:
        raise OSError(errno.EIO, first_line(error), str(path)) from None


def extract_error(files: Sequence[Files], error: duckdb.Error | UnicodeDecodeError) -> ExtractError:
    """Say in our words what DuckDB found wrong in a file, and where."""
    text = words(error)
    file = re.search(r"^\s*file = (.+)$", text, re.MULTILINE)
    if not file:
        names = ", ".join(str(path) for group in files for path in group.paths)
        return ExtractError(f"{names}: cannot read the extract ({first_line(error)}).")
    where = file[1].strip()
    if number := re.search(r"CSV Error on Line: (\d+)", text):
        # What DuckDB calls a line is a record: values may hold line ends.
        where += f", line {line_of_record(Path(where), int(number[1]))}"
    return ExtractError(f"{where}: {_csv_reason(text)}")


def _csv_reason(text: str) -> str:
    if width := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        return f"{width[2]} fields where {width[1]} were expected. Fix the row."
    if "unterminated quote" in text:
        return "a quoted field is not closed, or text follows its closing quote. Fix the row."
    if "utf-8" in text.lower() or "unicode" in text.lower():
        return "the file is not UTF-8. Save it as UTF-8."
    if "Maximum line size" in text:
        return "a line is longer than 2 MB. The usual cause is an unclosed quote. Fix the row."
    if "state machine" in text:
        return "not valid CSV. The usual cause is mixed line endings (\\n with \\r\\n or a lone \\r). Use one kind."
    return f"not valid CSV ({text.strip().splitlines()[0][:200]})."
