"""A table as one file for others: CSV, Parquet, Arrow, Excel, or a database of its own, with a manifest beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from lc_ibis.backends.duckdb_text import one_file, quoted
from lc_ibis.engine.deliveries import sha256_of
from lc_ibis.engine.exports import neutralised, write_text, write_whole
from lc_ibis.errors import OutputError, SelectionError, SettingsError, hint
from lc_ibis.quality.report import to_json
from lc_ibis.warehouse import Warehouse, connect

MANIFEST_VERSION = 1
# What Excel's worksheets can hold.
_MOST_ROWS, _MOST_COLUMNS, _MOST_LETTERS, _MOST_DIGITS = 1_048_576, 16_384, 32_767, 15


def export(
    table: str, to: str | Path, as_of: str | date | None = None, columns: Sequence[str] = (), **options: Any
) -> Path:
    """Write a table, ordered by its key, to one file, in the form that its ending says; return the file.

    .csv, .parquet, .arrow (the IPC file format), .xlsx (needs the extra excel), or .duckdb, a database that holds the
    table alone. `columns` are those to write, in this order; all, unless some are named. The file is whole at every
    moment: an older one stays until the new one is written. Beside it is written what it holds, as JSON:
    <file>.manifest.json. `options` are the fields of Settings. Raises SettingsError, SelectionError, OutputError,
    DatabaseError.
    """
    place = Path(to)
    _verify(place)
    with connect(**options) as warehouse:
        model = warehouse.pipeline[table]
        rows = model.ordered(warehouse.table(table, as_of))
        chosen = _chosen(table, rows.columns, tuple(columns))
        rows = rows.select(*chosen)
        if place.suffix == ".csv" and warehouse.settings.neutralise_formulas:
            rows = neutralised(rows)
        count = warehouse.store.count(rows)
        write_whole(place, lambda written: _write(warehouse, rows, written, place.suffix, table))
        write_text(manifest_of(place), to_json(_manifest(warehouse, place, table, chosen, count, as_of)) + "\n")
    return place


def manifest_of(file: Path) -> Path:
    """Return where the manifest of an exported file is."""
    return file.with_name(f"{file.name}.manifest.json")


def _verify(place: Path) -> None:
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise SettingsError(f"--to {str(place)!a}: the name is not UTF-8.") from None
    if place.suffix not in _ENDINGS:
        *others, last = _ENDINGS
        raise SettingsError(f"--to {place}: the name of a file ends in {', '.join(others)} or {last}.")


def _chosen(table: str, known: tuple[str, ...], columns: tuple[str, ...]) -> tuple[str, ...]:
    for name in columns:
        if name not in known:
            raise SelectionError(f"{table} has no column {name!r}.{hint(name, known)}")
    if len(set(columns)) != len(columns):
        raise SelectionError(f"{table}: a column is named twice.")
    return columns or known


def _manifest(
    warehouse: Warehouse, place: Path, table: str, columns: Sequence[str], count: int, as_of: str | date | None
) -> dict[str, Any]:
    run_id, run_at = warehouse.state.last_run or (None, None)
    return {
        "schema_version": MANIFEST_VERSION,
        "file": place.name,
        "sha256": sha256_of(place),
        "bytes": place.stat().st_size,
        "table": table,
        "columns": list(columns),
        "row_count": count,
        "run_id": run_id,
        "run_at": f"{run_at.isoformat()}Z" if run_at else None,
        "as_of": str(as_of) if as_of is not None else None,
    }


def _write(warehouse: Warehouse, rows: ir.Table, written: Path, ending: str, table: str) -> None:
    if ending in (".csv", ".parquet"):
        warehouse.store.write_file(rows, written, ending.removeprefix("."))
        return
    with tempfile.TemporaryDirectory(prefix="lc_ibis_export_") as directory:
        # Every engine writes Parquet; from there the way is the same.
        parquet = Path(directory, "rows.parquet")
        warehouse.store.write_file(rows, parquet, "parquet")
        _ENDINGS[ending](parquet, written, table)


def _as_arrow(parquet: Path, written: Path, _table: str) -> None:
    with (
        pq.ParquetFile(parquet) as file,
        pa.OSFile(str(written), "wb") as sink,
        pa.ipc.new_file(sink, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches():
            writer.write_batch(batch)


def _as_database(parquet: Path, written: Path, table: str) -> None:
    with duckdb.connect(str(written)) as con:
        con.execute(f"CREATE TABLE {quoted(table)} AS FROM read_parquet({one_file(parquet)})")


def _as_excel(parquet: Path, written: Path, table: str) -> None:
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
    """Write a value as a number, a time or a yes, where Excel keeps all of it, and as text where it does not."""
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


_ENDINGS: dict[str, Callable[[Path, Path, str], None]] = {
    ".csv": lambda *_: None, ".parquet": lambda *_: None, ".arrow": _as_arrow, ".xlsx": _as_excel,
    ".duckdb": _as_database,
}  # fmt: skip
