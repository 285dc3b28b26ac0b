"""A quality report as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from lc_ibis.declare.checks import DONE
from lc_ibis.declare.invisible import readable
from lc_ibis.files.documents import text_of
from lc_ibis.reporting import drawing

# What a page can show of one value; a field may hold a megabyte.
_LONGEST = 200
SIGNS = {"pass": "✓", "warn": "!", "fail": "✗", "skip": "–"}


def page(report: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the page of a report; `earlier` are the reports before it, the oldest first, for the trend.

    Raises KeyError or TypeError where it is no report.
    """
    drawn = drawing.layout(report["lineage"])
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            verdict=verdict(report),
            words=DONE,
            signs=SIGNS,
            drawn=drawn,
            box=drawing,
            states={entry["table"]: state(report, entry["table"]) for entry in report["lineage"]},
            trend=_trend([*earlier, report]),
            before=_before(earlier),
        )
    )


def environment(*templates: Path) -> Environment:
    """Return the means to make pages of the templates here and in other directories."""
    made = Environment(
        loader=FileSystemLoader([*templates, Path(__file__).parent]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_told,
    )  # fmt: skip
    made.filters |= {"value": _shown, "count": _count, "when": _when, "signed": _signed, "soft": _soft}
    return made


@dataclass(frozen=True)
class State:
    """What a table's box says: what was done, and how its checks ended."""

    done: str
    checks: str
    worst: str


def state(report: Mapping[str, Any], table: str) -> State:
    """Say what a run did to a table, and how its checks ended."""
    [done] = [t for t in report["tables"] if t["table"] == table] or [None]
    found = [check["status"] for check in report["checks"] if check["table"] == table]
    worst = next((status for status in ("fail", "warn", "pass") if status in found), "skip")
    if worst in ("fail", "warn"):
        checks = f"{SIGNS[worst]} {found.count(worst)} of {_counted(len(found), 'check')} {DONE[worst]}"
    else:
        checks = f"{SIGNS[worst]} {_counted(found.count('pass'), 'check')}" if worst == "pass" else "no checks run"
    if done is None:
        return State("not in this build", checks, worst)
    parts = [("+", "added"), ("~", "changed"), ("−", "removed")]
    changes = " ".join(f"{sign}{_count(done[f'{name}_count'])}" for sign, name in parts if done[f"{name}_count"])
    return State(f"{done['action']} {changes}".strip(), checks, worst)


def verdict(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the sentence at the top, its sign, and what it means."""
    failed, warned = report["failed"], report["warned"]
    stale = [found for found in report["freshness"] if found["status"] == "warn"]
    if report["status"] == "failed":
        what = f"{_counted(failed, 'check')} failed" if failed else "The build ended with an error"
        text = f"{what}. Tables and files are unchanged."
        return {"status": "fail", "title": "Nothing was published", "text": text}
    if report["error"]:
        text = "The tables are published. The next build writes the remaining files."
        return {"status": "fail", "title": "Published, but some files are missing", "text": text}
    done = {
        "built": ("Published", "Tables and files are up to date."),
        "unchanged": ("Nothing changed", "Tables and files were already up to date."),
        "passed": ("Passed", "All stored tables were checked."),
    }  # fmt: skip
    title, text = done[report["status"]]
    warnings = warned + len(stale) + len(report["jumps"]) + len(report.get("warnings", ()))
    if warnings:
        return {"status": "warn", "title": f"{title}, with {_counted(warnings, 'warning')}", "text": text}
    return {"status": "pass", "title": title, "text": f"{text} {_passed(report)}"}


def _passed(report: Mapping[str, Any]) -> str:
    """Say of a run without warnings how its checks ended."""
    if not report["passed"]:
        return "No checks were run."
    if report["skipped"]:
        return f"{_counted(report['passed'], 'check')} passed, {_count(report['skipped'])} skipped."
    return "All checks passed."


@dataclass(frozen=True)
class _Series:
    """One figure of the trend: a bar a run, the last being this one."""

    title: str
    bars: list[dict[str, Any]]

    @property
    def last(self) -> str:
        return str(self.bars[-1]["label"])

    @property
    def most(self) -> str:
        return str(max(self.bars, key=lambda bar: bar["value"])["label"])


def _trend(reports: Sequence[Mapping[str, Any]]) -> list[_Series]:
    figures: list[tuple[str, Any, Any]] = [
        ("Checks that failed or warned", lambda r: r["failed"] + r["warned"], _count),
        ("Rows refused", lambda r: sum(row["refused_count"] for row in r["ledger"]), _count),
        ("Rows on hold", lambda r: sum(row["held_count"] for row in r["ledger"]), _count),
        ("Rows written", lambda r: sum(t["added_count"] + t["changed_count"] for t in r["tables"]), _count),
        ("Seconds", lambda r: r["seconds"], lambda value: f"{value:.1f}"),
    ]
    return [_Series(title, _bars(reports, figure, shown)) for title, figure, shown in figures]


def _bars(reports: Sequence[Mapping[str, Any]], figure: Any, shown: Any) -> list[dict[str, Any]]:
    values = [figure(report) for report in reports]
    most = max(values) or 1
    return [
        {
            "value": value, "label": shown(value), "height": round(100 * value / most, 1),
            "run": report["run_id"], "at": report["timestamp"], "has_failed": report["status"] == "failed",
        }
        for value, report in zip(values, reports, strict=True)
    ]  # fmt: skip


def _before(earlier: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the ledger of the last published run before, by source."""
    published = [report for report in earlier if report["status"] != "failed" and report["ledger"]]
    return {row["source"]: row for row in published[-1]["ledger"]} if published else {}


def _told(value: Any) -> Any:
    """Return what a template says, texts with all that cannot be seen written out."""
    return readable(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _shown(value: Any) -> str:
    """Return a value as text that a page can hold and that a reader can trust."""
    if value is None:
        return "null"
    text = text_of(value)
    kept = readable(text[:_LONGEST])
    return kept if len(text) <= _LONGEST else f"{kept}… ({_count(len(text))} characters)"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _counted(count: int, noun: str) -> str:
    return f"{_count(count)} {noun}{'' if count == 1 else 's'}"


def _signed(change: int) -> str:
    return f"{'+' if change > 0 else '−'}{abs(change):,}" if change else "±0"


def _when(text: str) -> str:
    """Return an ISO time to the second."""
    return text.removesuffix("Z").replace("T", " ").split(".")[0]


def _soft(name: str) -> Markup:
    """Return a name that may be broken between its words."""
    return Markup(str(escape(name)).replace("_", "_<wbr>").replace(".", ".<wbr>"))
