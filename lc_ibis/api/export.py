"""A table as files for others: CSV, Parquet, Arrow, Excel, or a database of its own, with a manifest beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.compiled.outputs import neutralised
from lc_ibis.declare.contract_changes import type_name
from lc_ibis.errors import SelectionError, SettingsError, hint
from lc_ibis.files.digests import digest_of
from lc_ibis.files.documents import to_json
from lc_ibis.files.whole import write_directory, write_text, write_whole
from lc_ibis.outputs.directories import by_value, is_by_value
from lc_ibis.outputs.formats import FORMATS
from lc_ibis.outputs.manifest import VERSION, described, manifest_of
from lc_ibis.outputs.pending import all_output_names

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

# What engines write themselves.
_PLAIN = (".csv", ".parquet")


def export(
    table: str, to: str | Path, as_of: str | int | date | None = None, columns: Sequence[str] = (),
    partition_by: Sequence[str] = (), **options: Unpack[Options],
) -> Path:  # fmt: skip
    """Write a table, ordered by its key, to one file in the format of its extension, and return the file.

    The formats are .csv, .parquet, .arrow (Arrow IPC), .xlsx (needs the extra excel) and .duckdb, a database with this
    table only. `columns` are the columns to write, in this order; by default all. With `partition_by`, `to` is a
    directory of Parquet files partitioned by these columns, like account_type=savings; values that readers would take
    for another type are an error. The old file or directory stays until the new one is complete. A manifest with the
    contents is written to <file>.manifest.json. `options` are the fields of Settings. Raises SettingsError,
    SelectionError, OutputError, DatabaseError.
    """
    place, by = Path(to), tuple(partition_by)
    _verify(place, by)
    with connect(**options) as warehouse:
        _refuse_what_others_own(place, warehouse)
        model = warehouse.pipeline[table]
        rows = model.ordered(warehouse.table(table, as_of))
        chosen = _chosen(table, rows.columns, tuple(columns), by)
        rows = rows.select(*chosen)
        if place.suffix == ".csv" and warehouse.settings.neutralise_formulas:
            rows = neutralised(rows)
        count = warehouse.store.count(rows)
        if by:
            write_directory(place, lambda written: _write(warehouse, rows, written, table, by), is_by_value)
        else:
            write_whole(place, lambda written: _write(warehouse, rows, written, table, by, place.suffix))
        run = warehouse.run_of(as_of) or (None, None)
        about = described(place, place.name, digest_of(place), table, chosen, count, *run)
        types = {name: type_name(rows.schema()[name]) for name in chosen}
        told = {"types": types, "partition_by": by, "as_of": str(as_of) if as_of is not None else None}
        write_text(manifest_of(place), to_json({"schema_version": VERSION, **about, **told}) + "\n")
    return place


def _verify(place: Path, by: tuple[str, ...]) -> None:
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise SettingsError(f"--to {str(place)!a}: the name is not UTF-8. Choose another name.") from None
    if not place.name:
        raise SettingsError(f"--to {place}: the path has no file name. Name a file or a new directory.")
    if by and place.suffix in {".csv", *FORMATS}:
        raise SettingsError(
            f"--to {place}: with --partition-by, it must be a directory. Remove {place.suffix} from the name."
        )
    if not by and place.suffix not in {*_PLAIN, *FORMATS}:
        *others, last = (*_PLAIN, *FORMATS)
        raise SettingsError(f"--to {place}: the file name must end in {', '.join(others)} or {last}.")


def _refuse_what_others_own(place: Path, warehouse: Warehouse) -> None:
    """Raise SettingsError where something is in the place that no export has put there, and that would be missed."""
    target, settings = place.resolve(), warehouse.settings
    owned = {"the database itself": settings.place, "the copy for readers": settings.publish}
    if what := next((what for what, path in owned.items() if path and path.resolve() == target), None):
        raise SettingsError(f"--to {place}: this is {what}. Choose another file.")
    if target.is_relative_to(settings.inputs.resolve()):
        raise SettingsError(f"--to {place}: it is in the directory of extracts. Choose a file in another directory.")
    outputs, names = settings.outputs.resolve(), all_output_names(warehouse.pipeline)
    if target == outputs or (target.parent == outputs and {target.name, manifest_of(target).name} & {*names}):
        raise SettingsError(f"--to {place}: builds write this file. Choose another file.")
    is_database = place.suffix == ".duckdb" and place.exists()
    if (is_database or (place.is_dir() and any(place.iterdir()))) and not manifest_of(place).exists():
        what = "database" if is_database else "directory"
        raise SettingsError(
            f"--to {place}: this {what} exists and was not written by an export. Choose another, or remove it."
        )


def _chosen(table: str, known: tuple[str, ...], columns: tuple[str, ...], by: tuple[str, ...]) -> tuple[str, ...]:
    for name in (*columns, *by):
        if name not in known:
            raise SelectionError(f"{table} has no column {name!r}.{hint(name, known)}")
    if len(set(columns)) != len(columns) or len(set(by)) != len(by):
        raise SelectionError(f"{table}: a column is named twice. Name it once.")
    chosen = columns or known
    if missing := [name for name in by if name not in chosen]:
        raise SelectionError(
            f"{table}: --partition-by {missing[0]} is not among the selected columns. Add it with --column."
        )
    if len(by) == len(chosen):
        raise SelectionError(f"{table}: all columns are in --partition-by. Leave at least one to write.")
    return chosen


def _write(
    warehouse: Warehouse, rows: ir.Table, written: Path, table: str, by: tuple[str, ...], ending: str = ""
) -> None:
    if ending in _PLAIN:
        warehouse.store.write_file(rows, written, ending.removeprefix("."))
        return
    # Every engine writes Parquet; from there the way is the same. Beside it, so that what a kill leaves is swept.
    parquet = written.with_suffix(".rows.tmp")
    try:
        warehouse.store.write_file(rows, parquet, "parquet")
        if by:
            by_value(parquet, written, by)
        else:
            FORMATS[ending](parquet, written, table)
    finally:
        parquet.unlink(missing_ok=True)
