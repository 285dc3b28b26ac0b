"""Moments as people write them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timezone
from typing import Any

from lc_ibis.errors import SettingsError


def run_number(text: str | int | date) -> int | None:
    """Return the run that is meant, if it is one; the text 20260131 is a date."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    return int(text) if isinstance(text, str) and re.fullmatch(r"\s*[0-9]{1,7}\s*", text) else None


def parse_moment(text: str | int | date) -> datetime:
    """Return a moment in UTC, without zone. A date alone means its last moment. Raises SettingsError."""
    try:
        value = text if isinstance(text, date) else _parsed(str(text))
        if isinstance(value, datetime) and value.tzinfo:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r} is not a moment. Use a time like 2026-01-31T18:00:00 (UTC), a date like 2026-01-31, or a run's "
            "number."
        ) from None
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.max)
    return value


def _parsed(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return datetime.fromisoformat(text.strip().removesuffix("Z") + ("+00:00" if text.strip().endswith("Z") else ""))


_UNITS = {"d": "days", "w": "weeks", "m": "months", "y": "years"}


def parse_period(text: str) -> Any:
    """Return a period of the calendar, 90d, 8w, 18m or 7y, as a relativedelta. Raises SettingsError."""
    from dateutil.relativedelta import relativedelta

    found = re.fullmatch(r"\s*([1-9][0-9]{0,4})\s*([dwmy])\s*", text)
    if not found:
        raise SettingsError(
            f"keep_history: {text!r} is not a period. Use days, weeks, months or years like 90d, 8w, 18m or 7y."
        )
    return relativedelta(**{_UNITS[found[2]]: int(found[1])})


def before(moment: datetime, period: str) -> datetime:
    """Return the moment that lies a period before another, or the first that there is."""
    try:
        earlier: datetime = moment - parse_period(period)
    except (ValueError, OverflowError):
        return datetime.min
    return earlier
