"""A table as a worksheet: numbers, days and times where Excel has the same, elsewhere the text of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
from ibis.backends.sql.datatypes import DuckDBType

from lc_ibis.backends.duckdb.text import parquet_rows, quoted, stoppable
from lc_ibis.errors import OutputError, SettingsError

# What Excel's worksheets can hold.
_MOST_ROWS, _MOST_COLUMNS, _MOST_LETTERS, _MOST_DIGITS = 1_048_576, 16_384, 32_767, 15
_SMALLEST, _LARGEST = "2.2250738585072014e-308", "9.99999999999999e307"
# From here on all readers have one calendar: Excel has a 29 February in 1900, others have not. A moment of the last
# half millisecond would be shown as one that it does not have.
_FIRST_DAY, _LAST_DAY, _LAST_MOMENT = "1900-03-01", "9999-12-31", "23:59:59.9995"
_ROWS_AT_ONCE = 10_000
_TIME = "hh:mm:ss.000"


@dataclass(frozen=True)
class _Cells:
    """How a column's cells are written: by which method and number format, and where `fits`, in SQL; else as text."""

    method: str = "write_string"
    number_format: str = "General"
    fits: str = "false"
    value: str = "NULL"


def as_excel(parquet: Path, written: Path, table: str) -> None:
    """Write the rows of a Parquet file to a workbook of one worksheet. Raises OutputError, SettingsError."""
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise SettingsError(f"An .xlsx file needs {error.name}. Install it: pip install 'lc-ibis[excel]'.") from None
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    with duckdb.connect() as con, stoppable(con):
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE VIEW found AS FROM {parquet_rows(parquet)}")
        described = con.execute("DESCRIBE found").fetchall()
        schema = ibis.schema({name: DuckDBType.from_string(type_) for name, type_, *_ in described})
        [(count,)] = con.execute("SELECT count(*) FROM found").fetchall()
        _refuse_too_many(table, count, schema)
        with xlsxwriter.Workbook(str(written), options) as book:
            _write(book, book.add_worksheet(table[:31]), con, schema)


def _refuse_too_many(table: str, count: int, schema: ibis.Schema) -> None:
    if count >= _MOST_ROWS or len(schema) > _MOST_COLUMNS:
        raise OutputError(
            f"{table}: {count:,} rows do not fit a worksheet (maximum {_MOST_ROWS:,}). Export .csv or .parquet."
        )


def _write(book: Any, sheet: Any, con: Any, schema: ibis.Schema) -> None:
    cells = {name: _cells(quoted(name), type_) for name, type_ in schema.items()}
    head = book.add_format({"bold": True})
    writers = []
    sheet.freeze_panes(1, 0)
    for place, (name, how) in enumerate(cells.items()):
        sheet.set_column(place, place, max(12, len(name) + 2))
        sheet.write_string(0, place, name, head)
        form = book.add_format({"num_format": how.number_format})
        writers.append((name, getattr(sheet, how.method), form))
    for number, row in enumerate(_rows(con, cells), 1):
        for place, (name, write, form) in enumerate(writers):
            value, text = row[2 * place], row[2 * place + 1]
            if value is not None:
                write(number, place, value, form)
            elif text is not None:
                _refuse_too_long(name, text)
                sheet.write_string(number, place, text)


def _rows(con: Any, cells: dict[str, _Cells]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows: of each column the value that Excel has too, and if there is none, the text."""
    columns = ", ".join(
        f"CASE WHEN {how.fits} THEN {how.value} END, CASE WHEN {how.fits} THEN NULL ELSE {quoted(name)}::VARCHAR END"
        for name, how in cells.items()
    )
    found = con.execute(f"SELECT {columns} FROM found")
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        yield from rows


def _refuse_too_long(column: str, text: str) -> None:
    if len(text) > _MOST_LETTERS:
        raise OutputError(
            f"{column}: a text of {len(text):,} characters does not fit a cell (maximum {_MOST_LETTERS:,})."
        )


def _cells(name: str, type_: dt.DataType) -> _Cells:
    """Return how the cells of a column are written; `name` is quoted."""
    if isinstance(type_, dt.Boolean):
        return _Cells("write_boolean", fits="true", value=name)
    if isinstance(type_, dt.Integer):
        most = 10**_MOST_DIGITS - 1
        return _Cells("write_number", "0", f"{name} BETWEEN {-most} AND {most}", name)
    if isinstance(type_, dt.Decimal):
        return _decimals(name, type_)
    if isinstance(type_, dt.Floating):
        size = f"abs({name}::DOUBLE)"
        value = name if isinstance(type_, dt.Float64) else f"{name}::VARCHAR::DOUBLE"
        return _Cells("write_number", fits=f"{size} = 0 OR {size} BETWEEN {_SMALLEST} AND {_LARGEST}", value=value)
    if isinstance(type_, dt.Date):
        days = f"{name} BETWEEN DATE '{_FIRST_DAY}' AND DATE '{_LAST_DAY}'"
        return _Cells("write_datetime", "yyyy-mm-dd", days, name)
    if isinstance(type_, dt.Timestamp):
        # With a zone, it is the session's, UTC.
        moment, last = f"{name}::TIMESTAMP", f"TIMESTAMP '{_LAST_DAY} {_LAST_MOMENT}'"
        fits = f"{moment} >= TIMESTAMP '{_FIRST_DAY}' AND {moment} < {last}"
        return _Cells("write_datetime", f"yyyy-mm-dd {_TIME}", fits, moment)
    if isinstance(type_, dt.Time):
        return _Cells("write_datetime", _TIME, f"{name} < TIME '{_LAST_MOMENT}'", name)
    return _Cells()


def _decimals(name: str, type_: dt.Decimal) -> _Cells:
    """Return how decimals are written: as numbers while Excel has all their digits."""
    precision, scale = type_.precision or 38, type_.scale or 0
    number_format = "0." + "0" * scale if scale else "0"
    if precision <= _MOST_DIGITS:
        return _Cells("write_number", number_format, "true", name)
    most = f"{10**_MOST_DIGITS - 1:0{scale + 1}d}"
    bound = f"{most[: len(most) - scale]}.{most[len(most) - scale :]}" if scale else most
    fits = f"abs({name}) <= '{bound}'::DECIMAL({precision}, {scale})"
    return _Cells("write_number", number_format, fits, name)
