"""A run: its number and its time, and what it did, as facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

from lc_ibis.declare.checks import DONE, CheckResult
from lc_ibis.errors import DatabaseError

# So far clocks may differ without a word.
SKEW = timedelta(hours=1)
R = TypeVar("R", bound="Run")
Action = Literal["created", "updated", "unchanged", "skipped"]


@dataclass(frozen=True)
class Written:
    """Rows that a table gained, changed in place, and lost; for a history: opened and closed versions."""

    added_count: int = 0
    changed_count: int = 0
    removed_count: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.added_count or self.changed_count or self.removed_count)

    def growth(self, is_history: bool) -> int:
        """Return by how many rows the table grew; a closed version stays."""
        return self.added_count - (0 if is_history else self.removed_count)


@dataclass(frozen=True)
class TableRun:
    """What a run did to one table, and why.

    `key_count` is the number of keys whose rows were computed; None if the whole table was, or nothing.
    """

    table: str
    layer: str
    kind: str
    action: Action
    reason: str
    row_count: int
    written: Written = field(default_factory=Written)
    key_count: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Freshness:
    """How old a source is, in hours: by its newest file, and by the run that last found other rows in it."""

    source: str
    modified_at: datetime
    changed_at: datetime
    file_hours: float
    data_hours: float
    status: Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Jump:
    """A table that gained more than `factor` times as many rows as it usually does."""

    table: str
    added_count: int
    usual_count: float
    factor: float


@dataclass(frozen=True)
class Clock:
    """What the clock said when a run began. From then on seconds are counted, whatever becomes of the clock."""

    began_at: datetime
    _counted_at: float = field(default_factory=perf_counter)

    def now(self) -> datetime:
        """Return the present, UTC."""
        return self.began_at + timedelta(seconds=perf_counter() - self._counted_at)


@dataclass(repr=False)
class Run:
    """What a build did, or a test. A run that is unchanged wrote nothing, and its number is used again.

    `run_at` is its name in time, later than that of every run before; the present is the `clock`'s. `warnings` are
    sentences on the run itself.
    """

    run_id: int
    run_at: datetime
    status: Literal["built", "unchanged", "passed", "failed"] = "failed"
    lineage: list[dict[str, Any]] = field(default_factory=list)
    tables: list[TableRun] = field(default_factory=list)
    checks: list[CheckResult] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    freshness: list[Freshness] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)
    # By source: the files that are new to it.
    delivered: dict[str, list[Path]] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0
    checks_seconds: float = 0.0
    outputs_seconds: float = 0.0
    report: Path | None = None
    warnings: list[str] = field(default_factory=list)
    clock: Clock | None = None

    @property
    def began_at(self) -> datetime:
        """The present when the run began; of a run without a clock, the run's time."""
        return self.clock.began_at if self.clock else self.run_at

    @property
    def reported_at(self) -> datetime:
        """The run's time, or what the clock said where that lies beyond it: what reports are found and told by."""
        return self.began_at if self.run_at > self.began_at + SKEW else self.run_at

    def __repr__(self) -> str:
        """One line: the run, how it ended, how many tables and checks."""
        changed = sum(table.action in ("created", "updated") for table in self.tables)
        tables = f"; {changed} of {len(self.tables)} tables changed" if self.tables else ""
        found = [result.status for result in self.checks]
        ended = ", ".join(f"{found.count(status)} {word}" for status, word in DONE.items() if status in found)
        checks = f"; {len(found)} checks: {ended}" if found else ""
        return f"<Run {self.run_id} of {self.run_at:%Y-%m-%d %H:%M:%S} UTC: {self.status}{tables}{checks}>"


def next_run(last: tuple[int, datetime] | None, now: datetime) -> tuple[int, datetime]:
    """Return the number and the time of the run after the `last` one: now, but later than every run before.

    Raises DatabaseError.
    """
    if last is None:
        return 1, now
    last_id, last_at = last
    if last_at == datetime.max:
        raise DatabaseError(
            f"Run {last_id} is dated {last_at}, so no later run can be dated. "
            "Correct the times of runs with lc-ibis redate."
        )
    return last_id + 1, max(now, last_at + timedelta(microseconds=1))


def begin(kind: type[R], last: tuple[int, datetime] | None, now: datetime, **facts: Any) -> R:
    """Return the run after the `last` one, which warns if that is dated in the future. Raises DatabaseError."""
    run = kind(*next_run(last, now), clock=Clock(now), **facts)
    if last and last[1] > now + SKEW:
        last_id, last_at = last
        run.warnings.append(
            f"run {last_id} is dated {_shown(last_at)}, and the clock says {_shown(now)} (UTC). This run is dated "
            f"{_shown(run.run_at)}, because runs must be in order. If the clock is right, correct the times of "
            "runs with lc-ibis redate. If not, set the clock."
        )
    return run


def _shown(at: datetime) -> str:
    return at.isoformat(" ", "seconds")
