"""Where in a CSV file something is: plain reading, used to explain an error, or to look closer at a suspicion."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast


def opened(path: Path) -> IO[bytes]:
    """Open a file for reading bytes, unpacked where it is gzipped."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


SPACED_QUOTE = re.compile(' +"')
LARGEST = 2**31 - 1
NUL = "\N{SYMBOL FOR NULL}"


def records(path: Path, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield each record, the header first, and the line on which it ends; bytes that are not UTF-8 as surrogates.

    Where it is strict, csv.Error is raised for text after a closing quote, or a field of more than 128 kB.
    """
    csv.field_size_limit(131_072 if strict else LARGEST)
    with (
        opened(path) as raw,
        TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        # The csv module of Python 3.10 refuses NUL.
        reader = csv.reader((line.replace("\0", NUL) for line in text), strict=strict)
        for record in reader:
            yield reader.line_num, record


def line_of_record(path: Path, number: int) -> int:
    """Return the line on which a record begins, the header being record 1; they differ where values hold line ends."""
    end = 0
    for count, (line, _) in enumerate(records(path), start=1):
        if count == number:
            return end + 1
        end = line
    return number


def is_read_right(line: str, width: int) -> bool:
    """Say whether a line is a whole record of that width that the engine reads as it is; see misread."""
    try:
        [record] = csv.reader([line.replace("\0", NUL)])
    except (csv.Error, ValueError):  # a line end within
        return False
    return line.count('"') % 2 == 0 and len(record) == width and not any(SPACED_QUOTE.match(v) for v in record)


def misread(path: Path, width: int) -> str | None:
    """Return line and fault of the first record that the engine would take without a word, but not as it is.

    Such are empty fields too many at the end, which it drops, and spaces before a quoted field, which
    it drops with the quotes.
    """
    for line, record in records(path):
        if len(record) > width:
            return f"line {line}: {len(record)} fields where {width} were expected. Fix the row."
        if any(SPACED_QUOTE.match(value) for value in record):
            return f"line {line}: spaces before a quoted field. Quote the spaces or remove them."
    return None
