"""The formats of an exported table, each made from the Parquet file that every engine writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lc_ibis.backends.duckdb.text import parquet_rows, quoted, stoppable
from lc_ibis.errors import OutputError
from lc_ibis.outputs.excel import as_excel

# As Parquet's intervals come to Arrow, which takes them for bytes.
_INTERVAL = pa.binary(12)


def as_arrow(parquet: Path, written: Path, _table: str) -> None:
    with pq.ParquetFile(parquet) as file:
        for field in file.schema_arrow:
            if field.type == _INTERVAL:
                raise OutputError(
                    f"{field.name}: intervals cannot be written to .arrow. Export .csv, .xlsx or .duckdb."
                )
        with pa.OSFile(str(written), "wb") as sink, pa.ipc.new_file(sink, file.schema_arrow) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch)


def as_database(parquet: Path, written: Path, table: str) -> None:
    with duckdb.connect(str(written)) as con, stoppable(con):
        con.execute(f"CREATE TABLE {quoted(table)} AS FROM {parquet_rows(parquet)}")


# Each is given the Parquet file, where to write, and the table's name.
FORMATS: dict[str, Callable[[Path, Path, str], None]] = {
    ".arrow": as_arrow, ".xlsx": as_excel, ".duckdb": as_database,
}  # fmt: skip
