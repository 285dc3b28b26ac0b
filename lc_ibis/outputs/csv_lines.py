"""Lines of CSV files as DuckDB writes them: their values, and the order that DuckDB sees in those of a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Each value after whether it is null: DuckDB puts nulls last.
Key = tuple[tuple[bool, Any], ...]
_NULL = (True, None)
_FIELD = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",]*))(?=,|\Z)')
_DATE = rb"\d{4}-\d\d-\d\d"


class Uncertain(Exception):
    """What DuckDB would write cannot be told."""


@dataclass(frozen=True)
class KeyColumn:
    """A column that a file is ordered by: its name there, and the name of its Ibis type, such as Int64."""

    name: str
    type: str


def values(line: bytes, count: int = -1) -> list[bytes | None]:
    """Return the values of a line, or its first ones, quotes taken off; None is null, an empty field without quotes."""
    line = line.removesuffix(b"\n")
    if b'"' not in line:
        return [field or None for field in line.split(b",", count)][: count if count >= 0 else None]
    found, at = list[bytes | None](), -1
    while at < len(line) and len(found) != count:
        if not (field := _FIELD.match(line, at + 1)):
            raise Uncertain
        found.append(field[2] or None if field[1] is None else field[1].replace(b'""', b'"'))
        at = field.end()
    return found


def key_reader(header: bytes, key: Sequence[KeyColumn]) -> Callable[[bytes], Key]:
    """Return what tells the key of a line under a header: keys compare as DuckDB orders them."""
    names = values(header)
    try:
        columns = [(names.index(column.name.encode()), _READERS[column.type]) for column in key]
    except (KeyError, ValueError):
        raise Uncertain from None
    if not columns or len(set(names)) < len(names):
        raise Uncertain
    count = max(place for place, _ in columns) + 1

    def key_of(line: bytes) -> Key:
        fields = values(line, count)
        try:
            return tuple(
                [_NULL if (field := fields[place]) is None else (False, read(field)) for place, read in columns]
            )
        except (ArithmeticError, IndexError, ValueError):
            raise Uncertain from None

    return key_of


def _matching(pattern: bytes) -> Callable[[bytes], bytes]:
    """Return a reader of values that are ordered as their texts are, where these match a pattern."""
    matches = re.compile(pattern).fullmatch

    def read(field: bytes) -> bytes:
        if not matches(field):
            raise Uncertain
        return field

    return read


# By the name of the Ibis type. Floats are left out, as a text is not their value, and so is what is not known. Years
# of more than four digits, those before Christ and infinity do not match: as texts they are in another order.
_READERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"), int),
    "String": bytes,  # DuckDB orders by the bytes of UTF-8, where no collation is set
    "Boolean": _matching(b"true|false"),
    "Decimal": lambda field: Decimal(field.decode("ascii")),
    "Date": _matching(_DATE),
    "Timestamp": _matching(_DATE + rb" \d\d:\d\d:\d\d(\.\d+)?"),
}
