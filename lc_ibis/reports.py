"""The quality reports that builds have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lc_ibis.engine.whole_files import write_text
from lc_ibis.errors import DatabaseError, SettingsError
from lc_ibis.quality.report import SCHEMA_VERSION
from lc_ibis.settings import FORMATS, Format, Settings

# How many reports before the last one the page's trend goes back.
_TREND = 29


def report(format: Format = "json", **options: Any) -> str:
    """Return the last report in the directory of reports: as it is, as an HTML page, or as JUnit XML.

    `options` are the fields of Settings. Raises DatabaseError, SettingsError.
    """
    if format not in FORMATS:
        raise SettingsError(f"format: {format!r} is not one of {', '.join(FORMATS)}.")
    paths = _reports(Settings.load(**options).reports)
    return _text(paths[-1]) if format == "json" else _made(paths, format)


def report_page(**options: Any) -> Path:
    """Write the last report as an HTML page beside it; return the page. Raises DatabaseError, OutputError."""
    return page_of(_reports(Settings.load(**options).reports)[-1])


def page_of(path: Path) -> Path:
    """Write a report as an HTML page beside it; return the page. Raises DatabaseError, OutputError."""
    paths = [found for found in _reports(path.parent) if found <= path]
    page, text = path.with_suffix(".html"), _made(paths, "html")
    write_text(page, text)
    return page


def last(directory: Path) -> dict[str, Any] | None:
    """Return the last report of a directory; None where there is none that this version can read."""
    found = sorted(directory.glob("quality_report_*.json"))
    return _readable(found[-1]) if found else None


def _made(paths: list[Path], format: Format) -> str:
    """Return the last of the reports in another format."""
    try:
        last = _read(paths[-1])
        if format == "junit":
            from lc_ibis.quality.junit import junit

            return junit(last)
        from lc_ibis.quality.page import page

        return page(last, [found for path in paths[-_TREND - 1 : -1] if (found := _readable(path))])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(f"{paths[-1]}: it is no report of this version ({type(error).__name__}).") from None


def _reports(directory: Path) -> list[Path]:
    """Return the files of the reports, the oldest first."""
    found = sorted(directory.glob("quality_report_*.json"))
    if not found:
        raise DatabaseError(f"{directory}: there is no report. Make one with lc-ibis build.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DatabaseError(f"{path}: it is no report of this version (it is not UTF-8).") from None


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(_text(path))
    if found["schema_version"] != SCHEMA_VERSION:
        raise ValueError(found["schema_version"])
    return dict(found)


def _readable(path: Path) -> dict[str, Any] | None:
    """Return a report for the trend; None where it is one of another version, or spoilt."""
    try:
        return _read(path)
    except (ValueError, KeyError, TypeError, OSError, DatabaseError):
        return None
