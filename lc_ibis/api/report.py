"""The quality reports that builds have written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_ibis.engine.state.run import SKEW
from lc_ibis.engine.state.state import utc_now
from lc_ibis.errors import DatabaseError, SettingsError
from lc_ibis.files import texts
from lc_ibis.files.whole import write_text
from lc_ibis.reporting.report import SCHEMA_VERSION
from lc_ibis.settings import FORMATS, Format, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

# How many reports before the last one the page's trend goes back.
_TREND = 29
# In how many reports what is known of a table is looked for.
_LOOKED_AT = 200


def report(format: Format = "json", **options: Unpack[Options]) -> str:
    """Return the last quality report as JSON, an HTML page or JUnit XML.

    `options` are the fields of Settings. Raises DatabaseError, SettingsError.
    """
    if format not in FORMATS:
        raise SettingsError(f"format: {format!r} is not one of {', '.join(FORMATS)}.")
    paths = _reports(Settings.load(**options).reports)
    return _text(paths[-1]) if format == "json" else _made(paths, format)


def report_page(**options: Unpack[Options]) -> Path:
    """Write the last report as an HTML page next to it, and return the page. Raises DatabaseError, OutputError."""
    return page_of(_reports(Settings.load(**options).reports)[-1])


def page_of(path: Path) -> Path:
    """Write a report as an HTML page next to it, and return the page. Raises DatabaseError, OutputError."""
    found = _reports(path.parent)
    paths = found[: found.index(path) + 1] if path in found else [path]
    page, text = path.with_suffix(".html"), _made(paths, "html")
    write_text(page, text)
    return page


def last(directory: Path) -> dict[str, Any] | None:
    """Return the last report of a directory, or None if there is none that this version can read."""
    found = _ordered(directory)
    return _sound(found[-1]) if found else None


@dataclass(frozen=True)
class Known:
    """What the reports say about the current tables.

    `published` is the last report of a published build. `by_table` has, for each table, the last such report that
    includes it. `failed` is the latest report, if that build failed. `spoilt` is its file, if it cannot be read.
    """

    published: Mapping[str, Any] | None
    by_table: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, Any] | None
    spoilt: Path | None


def known(directory: Path, tables: Iterable[str]) -> Known:
    """Return what the reports in a directory say about the named tables. Reports of other versions are ignored."""
    paths = _ordered(directory)[::-1]
    newest = _sound(paths[0]) if paths else None
    published: Mapping[str, Any] | None = None
    by_table: dict[str, Mapping[str, Any]] = {}
    asked = set(tables)
    for path in paths[:_LOOKED_AT]:
        found = _sound(path)
        if found is None or found["status"] == "failed":
            continue
        published = published or found
        for done in found["tables"]:
            by_table.setdefault(done["table"], found)
        if asked <= by_table.keys():
            break
    failed = newest if newest and newest["status"] == "failed" else None
    return Known(published, by_table, failed, paths[0] if paths and newest is None else None)


def _made(paths: list[Path], format: Format) -> str:
    """Return the last of the reports in another format."""
    try:
        last = _read(paths[-1])
        if format == "junit":
            from lc_ibis.reporting.junit import junit

            return junit(last)
        return _page(last, [found for path in paths[-_TREND - 1 : -1] if (found := _readable(path))])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(f"{paths[-1]}: not a report of this version ({type(error).__name__}).") from None


def _page(report: Mapping[str, Any], earlier: list[dict[str, Any]]) -> str:
    """Return the page of a report. Raises ValueError, KeyError, TypeError or AttributeError where it is none."""
    from jinja2 import UndefinedError

    from lc_ibis.reporting.page import page

    try:
        return page(report, earlier)
    except UndefinedError as error:
        raise KeyError(str(error)) from None


def _reports(directory: Path) -> list[Path]:
    """Return the files of the reports, the oldest first."""
    found = _ordered(directory)
    if not found:
        raise DatabaseError(f"{directory}: no report found. Create one with lc-ibis build.")
    return found


def _ordered(directory: Path) -> list[Path]:
    """Return the files of the reports in the order of their times, those of a clock that was ahead first.

    A report's name tells its time, and the file's own tells that it cannot have been later.
    """
    now = utc_now() + SKEW

    def written_at(path: Path) -> datetime:
        changed = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).replace(tzinfo=None)
        try:
            at = min(changed, datetime.strptime(path.stem, "quality_report_%Y%m%dT%H%M%S.%fZ"))
        except ValueError:
            at = changed
        return at if at <= now else datetime.min

    return sorted(directory.glob("quality_report_*.json"), key=lambda path: (written_at(path), path))


def _text(path: Path) -> str:
    try:
        return texts.read(path)
    except texts.NotUtf8 as error:
        raise DatabaseError(f"{path}: not a report of this version ({error}).") from None


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(_text(path))
    if found["schema_version"] != SCHEMA_VERSION:
        raise ValueError(found["schema_version"])
    return dict(found)


def _sound(path: Path) -> dict[str, Any] | None:
    """Return a report that a page can be made of; None where there can be none."""
    found = _readable(path)
    try:
        if found is not None:
            _page(found, [])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return found


def _readable(path: Path) -> dict[str, Any] | None:
    """Return a report for the trend; None where it is one of another version, or spoilt."""
    try:
        return _read(path)
    except (ValueError, KeyError, TypeError, OSError, DatabaseError):
        return None
