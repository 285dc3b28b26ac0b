"""Rows in directories by the values of columns, like account_type=savings/part-0.parquet, as Hive has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from lc_ibis.errors import OutputError

_MOST_DIRECTORIES, _MOST_BYTES = 1000, 255
# 0001-01-01 and 9999-12-31, in days since 1970.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
# Escaped bytes of letters beyond ASCII.
_LETTERS = re.compile(r"(%[89A-Fa-f][0-9A-Fa-f])+")
# Texts that some reader of directories takes for something else: polars true for a flag, DuckDB epoch for a day,
# Spark 1d for a number.
_WORDS = {"null", "nan", "inf", "infinity", "epoch", "true", "false"}
_NUMBER = r"[+-]?[\d\s.,]*\d[\d\s.,]*(e[+-]?\d+)?[dfl]?|[+-]?0[xbo][\da-f.]+(p[+-]?\d+)?[dfl]?"
_MOMENT = r"[+-]?\d+([-/.]\d+){2}([tz\s+].*)?|t?\d+:\d.*|\d{8}t\d.*"
_FOREIGN_DIGITS = r"[\d\s.,:/+-]*[^\D0-9][\d\s.,:/+-]*"
_NO_TEXT = re.compile(f"{_NUMBER}|{_MOMENT}|{_FOREIGN_DIGITS}|[+-]?({'|'.join(_WORDS)})", re.DOTALL)


def by_value(parquet: Path, written: Path, columns: Sequence[str]) -> None:
    """Write the rows to a directory of Parquet files by the values of columns.

    The values stand in the names of directories alone, and readers guess their type. Raises OutputError for values
    that cannot stand there, or that a reader would take for others.
    """
    source = ds.dataset(parquet)
    fields = [source.schema.field(name) for name in columns]
    for field in fields:
        if not _can_name(field.type):
            raise OutputError(
                f"{field.name}: values of type {field.type} cannot name directories. Choose another column."
            )
    found = source.to_table(list(columns)).group_by(list(columns)).aggregate([])
    if found.num_rows > _MOST_DIRECTORIES:
        raise OutputError(
            f"{' and '.join(columns)}: {found.num_rows:,} values would need as many directories; the limit is "
            f"{_MOST_DIRECTORIES:,}. Choose a column with fewer values."
        )
    for name in columns:
        _refuse_what_names_none(name, found[name])
    ds.write_dataset(
        source, written, format="parquet", partitioning=ds.partitioning(pa.schema(fields), flavor="hive"),
        basename_template="part-{i}.parquet", max_partitions=_MOST_DIRECTORIES, use_threads=False,
    )  # fmt: skip
    written.mkdir(exist_ok=True)  # of no rows nothing is written
    _rename_as_hive(written)


def _can_name(type_: pa.DataType) -> bool:
    return any(
        is_so(type_) for is_so in (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)
    )


def _refuse_what_names_none(column: str, values: pa.ChunkedArray) -> None:
    if pa.types.is_date(values.type):
        days = pc.cast(values, pa.int32())
        if pc.any(pc.or_(pc.less(days, _FIRST_DAY), pc.greater(days, _LAST_DAY))).as_py():
            raise OutputError(
                f"{column}: dates before year 1 or after 9999 cannot name directories. Choose another column."
            )
    if not pa.types.is_string(values.type):
        return
    for value in values.drop_null().to_pylist():
        if "\0" in value or len(f"{column}={quote(value)}") > _MOST_BYTES:
            raise OutputError(f"{column}: the value {value[:40]!r} cannot name a directory. Choose another column.")
        if looks_otherwise(value):
            raise OutputError(
                f"{column}: the value {value[:40]!r} cannot name a directory: readers would take it for a number, "
                "a time, a flag or null. Choose another column."
            )


def looks_otherwise(text: str) -> bool:
    """Say whether some reader takes a text in the name of a directory for something else than a text."""
    plain = text.strip().lower()
    return plain in ("", "__hive_default_partition__") or _NO_TEXT.fullmatch(plain) is not None


def _rename_as_hive(written: Path) -> None:
    """Have letters beyond ASCII stand in names as they are: where they are escaped, Spark takes each byte for one."""
    for place in sorted(written.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if place.is_dir() and "%" in place.name:
            place.rename(place.with_name(_LETTERS.sub(lambda found: unquote(found[0]), place.name)))


def is_by_value(place: Path) -> bool:
    """Say whether a directory holds what by_value writes, and nothing else."""
    return place.is_dir() and all(
        re.fullmatch(r"([^/=]+=[^/]*/)+part-\d+\.parquet", file.relative_to(place).as_posix())
        for file in place.rglob("*")
        if not file.is_dir()
    )
