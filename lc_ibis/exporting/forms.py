"""The forms of an exported table, each made of the Parquet file that every engine writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lc_ibis.backends.duckdb_text import one_file, quoted
from lc_ibis.errors import OutputError, SettingsError

# What Excel's worksheets can hold.
_MOST_ROWS, _MOST_COLUMNS, _MOST_LETTERS, _MOST_DIGITS = 1_048_576, 16_384, 32_767, 15
_MOST_DIRECTORIES, _MOST_BYTES = 1000, 255
# What readers of directories like customer_id=7 take for no value.
_NO_VALUE = {"__hive_default_partition__", "null"}


def by_value(parquet: Path, written: Path, columns: Sequence[str]) -> None:
    """Write the rows to a directory of Parquet files by the values of columns: account_type=savings/part-0.parquet.

    The way of Hive, which Spark, DuckDB and pyarrow read: the columns' values stand in the names of directories alone.
    Raises OutputError for values that cannot.
    """
    source = ds.dataset(parquet)
    fields = [source.schema.field(name) for name in columns]
    for field in fields:
        if not _can_name(field.type):
            raise OutputError(f"{field.name}: values of type {field.type} name no directories. Name another column.")
    found = source.to_table(list(columns)).group_by(list(columns)).aggregate([])
    if found.num_rows > _MOST_DIRECTORIES:
        raise OutputError(
            f"{' and '.join(columns)}: {found.num_rows:,} values would be as many directories, and "
            f"{_MOST_DIRECTORIES:,} are the most. Name a column with fewer."
        )
    for name in columns:
        for value in found[name].to_pylist():
            if isinstance(value, str) and not _is_a_name(f"{name}={quote(value)}", value):
                raise OutputError(f"{name}: the value {value[:40]!r} can name no directory. Name another column.")
    ds.write_dataset(
        source, written, format="parquet", partitioning=ds.partitioning(pa.schema(fields), flavor="hive"),
        basename_template="part-{i}.parquet", max_partitions=_MOST_DIRECTORIES, use_threads=False,
    )  # fmt: skip
    written.mkdir(exist_ok=True)  # of no rows nothing is written


def _is_a_name(name: str, value: str) -> bool:
    """Say whether readers find a value again in the name of a directory."""
    return value.lower() not in _NO_VALUE and "\0" not in value and len(name) <= _MOST_BYTES


def _can_name(type_: pa.DataType) -> bool:
    return any(
        is_so(type_) for is_so in (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)
    )


def is_by_value(place: Path) -> bool:
    """Say whether a directory holds what by_value writes, and nothing else."""
    return place.is_dir() and all(
        re.fullmatch(r"([^/=]+=[^/]*/)+part-\d+\.parquet", file.relative_to(place).as_posix())
        for file in place.rglob("*")
        if not file.is_dir()
    )


def as_arrow(parquet: Path, written: Path, _table: str) -> None:
    with (
        pq.ParquetFile(parquet) as file,
        pa.OSFile(str(written), "wb") as sink,
        pa.ipc.new_file(sink, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches():
            writer.write_batch(batch)


def as_database(parquet: Path, written: Path, table: str) -> None:
    with duckdb.connect(str(written)) as con:
        con.execute(f"CREATE TABLE {quoted(table)} AS FROM read_parquet({one_file(parquet)})")


def as_excel(parquet: Path, written: Path, table: str) -> None:
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise SettingsError(f"An .xlsx file needs {error.name}. Install it: pip install 'lc-ibis[excel]'.") from None
    with pq.ParquetFile(parquet) as file:
        count, names = file.metadata.num_rows, file.schema_arrow.names
        if count >= _MOST_ROWS or len(names) > _MOST_COLUMNS:
            raise OutputError(
                f"{table}: {count:,} rows do not fit a worksheet, which has {_MOST_ROWS:,}. Export .csv or .parquet."
            )
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                   "strings_to_numbers": False}  # fmt: skip
        with xlsxwriter.Workbook(str(written), options) as book:
            sheet = book.add_worksheet(table[:31])
            head = book.add_format({"bold": True})
            forms = [book.add_format({"num_format": _number_format(field.type)}) for field in file.schema_arrow]
            sheet.freeze_panes(1, 0)
            for place, name in enumerate(names):
                sheet.set_column(place, place, max(12, len(name) + 2))
                sheet.write_string(0, place, name, head)
            number = 0
            for batch in file.iter_batches():
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    for place, value in enumerate(row):
                        _write_cell(sheet, (number, place), value, forms[place], names[place])


def _number_format(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "yyyy-mm-dd hh:mm:ss.000"
    if pa.types.is_decimal(type_):
        return "0." + "0" * type_.scale if type_.scale else "0"
    return "General"


def _write_cell(sheet: Any, at: tuple[int, int], value: Any, form: Any, column: str) -> None:
    """Write a number, a time (to the millisecond) or a yes as such, and as text a number that Excel would round."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(*at, value)
    elif isinstance(value, int | Decimal):
        exact = len(str(value).strip("-").replace(".", "").lstrip("0")) <= _MOST_DIGITS
        sheet.write_number(*at, value, form) if exact else sheet.write_string(*at, format(value, "f"))
    elif isinstance(value, date):
        sheet.write_datetime(*at, value, form)
    elif len(str(value)) > _MOST_LETTERS:
        raise OutputError(
            f"{column}: a text of {len(value):,} letters does not fit a cell, which has {_MOST_LETTERS:,}."
        )
    else:
        sheet.write_string(*at, str(value))


# Each is given the Parquet file, where to write, and the table's name.
FORMS: dict[str, Callable[[Path, Path, str], None]] = {
    ".arrow": as_arrow, ".xlsx": as_excel, ".duckdb": as_database,
}  # fmt: skip
