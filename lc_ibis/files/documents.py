"""Values as text: the same in reports, pages and on the terminal, whatever type a contract has."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

# By these a spreadsheet knows a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def text_of(value: Any) -> str:
    """Return a value as text: decimals with all their digits, bytes as DuckDB writes them, like \\x00\\xFF."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return "".join(map(_of_byte, value))
    return str(value)


def _of_byte(byte: int) -> str:
    letter = chr(byte)
    return letter if " " <= letter <= "~" and letter not in "\\'\"" else f"\\x{byte:02X}"


def for_json(value: Any) -> Any:
    """Return a value as JSON can hold it: what has no form of its own there is text. Raises TypeError of no value."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else text_of(key): for_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [for_json(part) for part in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta | bytes | UUID):
        return text_of(value)
    raise TypeError(f"{type(value).__name__} has no place in a report")


def to_json(value: Any, indent: int | None = 2) -> str:
    """Return a document as JSON text: decimals, bytes and what is no number as strings, times in ISO 8601, UTC."""
    return json.dumps(for_json(value), indent=indent, ensure_ascii=False, allow_nan=False)


def to_csv(rows: list[dict[str, Any]], neutralised: bool = False) -> str:
    """Return rows as CSV with a header; nothing for no rows. Where it is `neutralised`, no text is a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    if rows:
        writer.writeheader()
    for row in rows:
        shown = {name: value if value is None else _shown(value) for name, value in row.items()}
        writer.writerow({name: _neutral(value) for name, value in shown.items()} if neutralised else shown)
    return text.getvalue()


def _neutral(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping | list | tuple):
        return to_json(value, indent=None)
    return for_json(value)
