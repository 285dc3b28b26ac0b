"""A second reader of extracts, in plain Python: what a build must have received, where a file leaves no doubt."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

Row = tuple[str | None, ...]
BARE = re.compile('[^,"\r\n]*')


class Unclear(Exception):
    """The file is not CSV as RFC 4180 has it, so that readers may differ."""


def received(path: Path, headers: tuple[str, ...]) -> Counter[Row]:
    """Return the rows of a CSV file in the order of `headers`, an empty field as None. Raises Unclear."""
    records = [row for row in _records(_text(path)) if row]
    header, *rows = records or [[]]
    if any("\n" in name or "\r" in name for name in header):
        raise Unclear("header")
    folded = ["".join(name.lower().split()) for name in header]
    if sorted(folded) != sorted(name.lower() for name in headers):
        raise Unclear("header")
    places = [folded.index(name.lower()) for name in headers]
    if any(len(row) != len(header) for row in rows):
        raise Unclear("width")
    return Counter(tuple(row[place] or None for place in places) for row in rows)


def roughly(path: Path) -> list[list[str]]:
    """Return the records after the header as Python's csv module has them, which takes anything."""
    csv.field_size_limit(2**31 - 1)
    rows = list(csv.reader(io.StringIO(_text(path), newline="")))
    return [row for row in rows[1:] if row]


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.name.endswith(".gz") else raw).decode("utf-8")
    except (OSError, EOFError, ValueError) as error:
        raise Unclear(type(error).__name__) from None
    return text.removeprefix("\ufeff")


def _records(text: str) -> Iterator[list[str]]:
    """Yield the records of a CSV text, character by character. Raises Unclear."""
    if not text or text[0] in "\r\n":
        raise Unclear("no header")
    ends: set[str] = set()
    row: list[str] = []
    place = 0
    while place < len(text):
        if text[place] == '"':
            value, place = _quoted(text, place + 1)
        else:
            value = BARE.match(text, place)[0]  # type: ignore[index]
            place += len(value)
        row.append(value)
        if place == len(text):
            break
        if text[place] == ",":
            place += 1
            if place == len(text):
                row.append("")
            continue
        end = "\r\n" if text.startswith("\r\n", place) else text[place]
        ends.add(end)
        if end not in ("\n", "\r\n") or len(ends) > 1:
            raise Unclear("line end or quote")
        # A blank line is no record; a line of "" is one, of one field.
        yield [] if row == [""] and text[place - 1] != '"' else row
        row, place = [], place + len(end)
    if row:
        yield row


def _quoted(text: str, place: int) -> tuple[str, int]:
    """Return a quoted value, and the place after its closing quote."""
    parts = []
    while True:
        end = text.find('"', place)
        if end < 0:
            raise Unclear("not closed")
        parts.append(text[place:end])
        if not text.startswith('""', end):
            break
        parts.append('"')
        place = end + 2
    if end + 1 < len(text) and text[end + 1] not in ",\r\n":
        raise Unclear("text after quote")
    return "".join(parts), end + 1
