"""A lending company's table pipeline: source, staging, snapshots, intermediate, marts.

import lc_ibis
lc_ibis.build()
p = lc_ibis.connect("data/duckdb/lc.duckdb")
p.table("account_summary")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lc_ibis.backups import backup, restore
    from lc_ibis.building import build, plan
    from lc_ibis.compacting import compact
    from lc_ibis.comparing import parity
    from lc_ibis.dropping import drop, tables
    from lc_ibis.errors import LcIbisError
    from lc_ibis.examining import doctor
    from lc_ibis.exporting import export
    from lc_ibis.projects import init
    from lc_ibis.questions import diff, explain, history
    from lc_ibis.reading import compile, failing, lint, ls, mutate, runs, show, test, verify
    from lc_ibis.redating import redate
    from lc_ibis.refusals import quarantine, quarantine_reasons
    from lc_ibis.reports import report, report_page
    from lc_ibis.warehouse import connect

__all__ = [
    "LcIbisError",
    "backup",
    "build",
    "compact",
    "compile",
    "connect",
    "diff",
    "doctor",
    "drop",
    "explain",
    "export",
    "failing",
    "history",
    "init",
    "lint",
    "ls",
    "mutate",
    "parity",
    "plan",
    "quarantine",
    "quarantine_reasons",
    "redate",
    "report",
    "report_page",
    "restore",
    "runs",
    "show",
    "tables",
    "test",
    "verify",
    "version",
]

_HOMES = {
    "diff": "questions", "explain": "questions", "history": "questions",
    "backup": "backups", "restore": "backups", "compact": "compacting", "doctor": "examining",
    "connect": "warehouse", "export": "exporting", "init": "projects",
    "drop": "dropping", "tables": "dropping", "redate": "redating",
    "build": "building", "plan": "building", "parity": "comparing", "LcIbisError": "errors",
    "quarantine": "refusals", "quarantine_reasons": "refusals", "report": "reports", "report_page": "reports",
    **dict.fromkeys(
        ("compile", "failing", "lint", "ls", "mutate", "runs", "show", "test", "verify"), "reading"
    ),
}  # fmt: skip


def version() -> str:
    """Return the installed version of lc-ibis."""
    from importlib.metadata import version as installed

    return installed("lc-ibis")


def __getattr__(name: str) -> Any:
    # Imported when first used: the command line must answer --help before Ibis is loaded.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lc_ibis.{_HOMES[name]}"), name)
