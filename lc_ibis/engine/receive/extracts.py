"""Delivered files: which belong to a source, and whether their columns are its contract's."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from lc_ibis.declare.marks import OPERATION
from lc_ibis.declare.models import Model, Source
from lc_ibis.engine.receive.csv_faults import NUL, records
from lc_ibis.engine.store import Files, Format
from lc_ibis.errors import ExtractError, cut, hint

ENDINGS: dict[str, Format] = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
_CHUNK = 1 << 20
# How many columns a message names.
_SHOWN = 20
# What bytes that are not UTF-8 are read as, and the NUL that UTF-16 is full of.
_UNREADABLE = re.compile(f"[\udc80-\udcff{NUL}]")


def delivered(model: Model, inputs: Path, pattern: str | None = None, with_operations: bool = False) -> list[Files]:
    """Return the files of a source, grouped by format and column order, their headers verified.

    `with_operations` says that they are deltas, with a column _op.

    `pattern` is a glob below `inputs`; without one it is the file, or the directory of files,
    that bears the source's name. Raises ExtractError.
    """
    groups: dict[tuple[Format, tuple[str, ...]], list[Path]] = {}
    for path in _find(cast(Source, model.kind).file, inputs, pattern):
        format = _format(path)
        header = _csv_header(path) if format == "csv" else _parquet_header(path)
        groups.setdefault((format, _contract_names(model, path, header, with_operations)), []).append(path)
    return [Files(format, columns, tuple(paths)) for (format, columns), paths in groups.items()]


def _find(stem: str, inputs: Path, pattern: str | None) -> list[Path]:
    if not inputs.is_dir():
        raise ExtractError(f"{inputs}: the directory of extracts does not exist. Set it with --inputs.")
    if pattern:
        try:
            found = sorted(p for p in inputs.glob(pattern) if p.is_file())
        except (NotImplementedError, ValueError, IndexError):
            found = []  # an absolute or malformed pattern
        if not found:
            raise ExtractError(f"{inputs}: no file matches {pattern}, the pattern of source {stem}. Check --source.")
        return found
    # An ending may be in any case, as in a directory of files.
    named = (p for p in inputs.iterdir() if p.name.startswith(stem) and p.name[len(stem) :].lower() in ("", *ENDINGS))
    places = sorted(path for path in named if path.exists())
    if len(places) > 1:
        names = ", ".join(p.name for p in places)
        raise ExtractError(f"{inputs}: {names} all match the extract {stem}. Keep one of them.")
    if not places:
        present = [p.name for p in inputs.iterdir() if not p.name.startswith(".")]
        wanted = f"{stem}.csv, .csv.gz, .parquet or a directory {stem}"
        raise ExtractError(f"{inputs}: found no {wanted}." + (hint(f"{stem}.csv", present) if present else ""))
    if not places[0].is_dir():
        return places
    parts = sorted(p for p in places[0].iterdir() if not p.name.startswith((".", "_")))
    if not parts:
        raise ExtractError(f"{places[0]}: the directory is empty. Deliver the extract again.")
    return parts


def _format(path: Path) -> Format:
    if _UNREADABLE.search(str(path)):
        raise ExtractError(f"{path}: the file's name is not UTF-8. Rename it.")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ExtractError(f"{path}: not a regular file. Deliver the extract as a file.")
    for ending, format in ENDINGS.items():
        if path.name.lower().endswith(ending):
            if ending.endswith(".gz") and not path.name.endswith(".gz"):
                raise ExtractError(f"{path}: the extension .gz must be lower case. Rename the file.")
            return format
    raise ExtractError(f"{path}: extracts must be one of {', '.join(ENDINGS)}.")


def _csv_header(path: Path) -> list[str]:
    try:
        if path.name.lower().endswith(".gz"):
            _verify_gzip(path)
        _, header = next(records(path, strict=True), (0, None))
    except csv.Error as error:
        raise ExtractError(f"{path}, line 1: cannot read the header ({error}).") from None
    except OSError as error:
        raise ExtractError(f"{path}: {error.strerror or error}.") from None
    if header is None:
        raise ExtractError(f"{path}: the file is empty. A header and rows were expected.")
    if not header:
        raise ExtractError(f"{path}, line 1: the line is blank. The first line must be the header.")
    if any("\n" in name or "\r" in name for name in header):
        # DuckDB takes it for the file's line end, and where the others differ, it reads no row without a word.
        raise ExtractError(f"{path}, line 1: a column name contains a line break. Write the header on one line.")
    if _UNREADABLE.search("".join(header)):
        raise ExtractError(f"{path}, line 1: the file is not UTF-8. Save it as UTF-8.")
    return header


def _verify_gzip(path: Path) -> None:
    """Read the whole file once: the engine takes a cut-off archive for a short one."""
    try:
        with gzip.open(path, "rb") as archive:
            while archive.read(_CHUNK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ExtractError(f"{path}: the gzip archive is damaged or truncated ({error}). Download it again.") from None


def _parquet_header(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        names = list(schema.names)
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise ExtractError(f"{path}: not a valid Parquet file ({cut(str(error))}).") from None
    for field in schema:
        type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        exact = pa.types.is_integer, pa.types.is_decimal128, pa.types.is_boolean, pa.types.is_null
        text = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
        if not any(is_type(type_) for is_type in (*exact, *text)):
            raise ExtractError(
                f"{path}: column {field.name} is {field.type}; only text, integers, decimals (up to 38 digits) "
                "and booleans are read exactly. Write the column as text or decimal."
            )
    return names


def _contract_names(model: Model, path: Path, header: list[str], with_operations: bool) -> tuple[str, ...]:
    """Return the contract's column names in the file's order; case and spaces do not matter."""
    headers = model.contract.headers() | ({OPERATION: OPERATION} if with_operations else {})
    expected = {_folded(text): name for name, text in headers.items()}
    given = [_folded(text) for text in header]
    counts = Counter(given)
    problems = _listed("missing", (h for n, h in headers.items() if _folded(h) not in given))
    problems += _listed("unexpected", (t for t, g in zip(header, given, strict=True) if g not in expected))
    problems += _listed("twice", sorted({t for t, g in zip(header, given, strict=True) if counts[g] > 1}))
    if problems:
        if not with_operations and OPERATION in given:
            problems.append(f"the column {OPERATION} marks a delta: build it with --delivery delta")
        raise ExtractError(
            f"{path}: the columns are {_few(header)}; {model.contract.__name__} expects "
            f"{', '.join(headers.values())} ({'; '.join(problems)}). Fix the file, or, if the extract has changed "
            f"permanently, change the contract in {model.where}."
        )
    return tuple(expected[g] for g in given)


def _folded(header: str) -> str:
    return "".join(header.lower().split())


def _listed(label: str, names: Iterable[str]) -> list[str]:
    listed = [name or "(blank)" for name in names]
    return [f"{label}: {_few(listed)}"] if listed else []


def _few(names: list[str]) -> str:
    """List names, unless they are of a file that is no extract at all: then some of them, cut short."""
    more = [f"… {len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
    return ", ".join([*map(cut, names[:_SHOWN]), *more])
