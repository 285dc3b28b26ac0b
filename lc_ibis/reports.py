"""The quality reports that builds have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lc_ibis.errors import DatabaseError, SettingsError
from lc_ibis.quality.junit import junit
from lc_ibis.settings import FORMATS, Format, Settings


def report(format: Format = "json", **options: Any) -> str:
    """Return the last report in the directory of reports, as it is or as JUnit XML.

    `options` are the fields of Settings. Raises DatabaseError, SettingsError.
    """
    if format not in FORMATS:
        raise SettingsError(f"format: {format!r} is not one of {', '.join(FORMATS)}.")
    path = _last(Settings.load(**options).reports)
    text = path.read_text(encoding="utf-8")
    try:
        return junit(json.loads(text)) if format == "junit" else text
    except (ValueError, KeyError, TypeError) as error:
        raise DatabaseError(f"{path}: it is no report of this version ({type(error).__name__}).") from None


def _last(directory: Path) -> Path:
    found = sorted(directory.glob("quality_report_*.json"))
    if not found:
        raise DatabaseError(f"{directory}: there is no report. Make one with lc-ibis build.")
    return found[-1]
