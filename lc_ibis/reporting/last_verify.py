"""What the last full verify of a database found, kept beside the reports of its builds.

It is kept in a file because verify only reads the database. Databases are told apart by the time of their first run, so
a copy, and a database that was moved, keep theirs; one that is begun again has none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lc_ibis.declare.graph import Graph
from lc_ibis.engine.prove.verifying import Verified
from lc_ibis.engine.state.state import State, run_times, utc_now
from lc_ibis.engine.store import Store
from lc_ibis.errors import OutputError
from lc_ibis.files import texts
from lc_ibis.files.whole import write_text
from lc_ibis.redaction import logger

FILE = "last_verify.json"
SCHEMA_VERSION = 1
RunTimes = Mapping[int, datetime]

log = logger(__name__)


@dataclass(frozen=True)
class LastVerify:
    """When all tables of a database were last compared with the same made anew, after which run, and the outcome.

    `runs_since` are the runs that changed something after that one.
    """

    at: datetime
    run_id: int
    identical_count: int
    differing: tuple[str, ...]
    skipped: tuple[str, ...]
    runs_since: int


def note(directory: Path, pipeline: Graph, store: Store, state: State, results: Sequence[Verified]) -> None:
    """Note what a verify of all tables found.

    Nothing is noted where tables are older than what they are made from, which cannot be compared, where nothing can be
    written, and where no build wrote a report.
    """
    if state.last_run is None or not directory.is_dir():
        return
    if state.stale(pipeline, [result.table for result in results]):
        return
    # Another process may have built since the state was read.
    runs = {number: at for number, at in run_times(store).items() if number <= state.last_run[0]}
    known = _read(directory / FILE) or {}
    known[_database(runs)] = {
        "verified_at": utc_now().isoformat(),
        "run_id": max(runs),
        "run_at": runs[max(runs)].isoformat(),
        "identical_count": Counter(result.status for result in results)["identical"],
        "differing": [result.table for result in results if result.status == "differs"],
        "skipped": [result.table for result in results if result.status == "skipped"],
    }
    try:
        write_text(
            directory / FILE, json.dumps({"schema_version": SCHEMA_VERSION, "databases": known}, indent=2) + "\n"
        )
    except OutputError as error:
        log.info("the result of the verify cannot be saved: %s", error)


def last(directory: Path, runs: RunTimes) -> LastVerify | None:
    """Return what is noted of a database with these runs; None where nothing is. Raises ValueError: it is spoilt."""
    known = _read(directory / FILE)
    if known is None:
        raise ValueError(f"{directory / FILE} was not written by this version")
    if not runs or (found := known.get(_database(runs))) is None:
        return None
    try:
        run_id, run_at = int(found["run_id"]), datetime.fromisoformat(found["run_at"])
        last = LastVerify(
            datetime.fromisoformat(found["verified_at"]), run_id, int(found["identical_count"]),
            tuple(found["differing"]), tuple(found["skipped"]), sum(number > run_id for number in runs),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{directory / FILE} was not written by this version ({type(error).__name__})") from None
    # A backup from before that run may have been put in the database's place.
    return last if runs.get(run_id) == run_at else None


def _database(runs: RunTimes) -> str:
    return runs[min(runs)].isoformat()


def _read(path: Path) -> dict[str, Any] | None:
    """Return what is noted, by database; nothing where there is no file, None where it is spoilt."""
    try:
        found = json.loads(texts.read(path))
        return dict(found["databases"]) if found["schema_version"] == SCHEMA_VERSION else None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return None
