"""Values as text: the same in reports, pages and on the terminal, whatever type a contract has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


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
