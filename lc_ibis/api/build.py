"""Run a build: open the database, refresh the chosen tables, check, publish, report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from lc_ibis import project
from lc_ibis.backends import opened
from lc_ibis.compiled import cache
from lc_ibis.compiled.program import Program
from lc_ibis.compiled.program import program as of_pipeline
from lc_ibis.compiled.queries import Dialect
from lc_ibis.declare.contract_changes import StoredContract, compared, refuse_breaking
from lc_ibis.declare.graph import Graph
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.selection import select
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.prove.failing_rows import FailingRows
from lc_ibis.engine.prove.freshness import Ages, freshness
from lc_ibis.engine.prove.jumps import jumps
from lc_ibis.engine.prove.refusing import (
    refuse_differences,
    refuse_failures,
    refuse_jumps,
    refuse_stale,
    refuse_warnings,
)
from lc_ibis.engine.prove.verifying import Sample, Verified, verify_tables
from lc_ibis.engine.receive.deliveries import Delivery, refuse_replay
from lc_ibis.engine.refresh.refresher import Refresher
from lc_ibis.engine.state.run import Run, TableRun
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store
from lc_ibis.errors import LcIbisError, OutputError, SettingsError, hint
from lc_ibis.moments import before
from lc_ibis.outputs import pending
from lc_ibis.outputs.steps import Steps
from lc_ibis.redaction import logger, redacted
from lc_ibis.reporting import last_verify, report
from lc_ibis.reporting.views import ShownRun
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.declare.pipeline import Pipeline
    from lc_ibis.keywords import Options

log = logger(__name__)


class Progress(Protocol):
    """Called when a build starts a table or another step, and again for each finished table."""

    def begun(self, what: str) -> None: ...
    def done(self, table: TableRun) -> None: ...


def build(progress: Progress | None = None, **options: Unpack[Options]) -> Run:
    """Update all tables and output files from the delivered files, all or nothing.

    `options` are the fields of Settings. `progress` is called as the build runs. If a build fails, tables and output
    files are unchanged, and its report says why. Raises LcIbisError; ChecksFailed if a check of severity error fails.
    """
    settings = Settings.load(**options)
    program = project.program(settings)
    try:
        return run_program(program, settings, progress)
    except KeyboardInterrupt:
        program.has_missed = False  # who interrupts does not wait for more to be compiled
        raise
    finally:
        if not settings.no_cache:
            cache.save(program, settings.models)


def run_pipeline(
    pipeline: Pipeline, settings: Settings, progress: Progress | None = None, now: datetime | None = None
) -> Run:
    """Build any pipeline; see build. `now` is the run's time, unless a run before it was later."""
    return run_program(of_pipeline(pipeline, Dialect.of(settings.backend)), settings, progress, now)


def run_program(
    program: Program, settings: Settings, progress: Progress | None = None, now: datetime | None = None
) -> Run:
    """Build the pipeline of a program; see run_pipeline."""
    graph = program.graph
    chosen = select(graph, settings.select, settings.exclude)
    _verify_sources(graph, settings)
    if settings.notify:
        from lc_ibis.reporting import notify

        notify.verify(settings.notify)
    if settings.publish:
        from lc_ibis.backends.duckdb import published

        published.refuse_stranger(settings.publish)
    listener = _listener(program, settings)
    run = None
    try:
        if listener:
            listener.began()
        with opened(settings) as store:
            state = State.read(store)
            run = state.begin(ShownRun, now, lineage=graph.lineage)
            with _reported(run, settings, store):
                _Build(program, settings, store, state, run, chosen, progress).publish()
    except BaseException as error:  # an interruption too leaves nothing published
        if listener:
            listener.failed(error)
        if settings.notify:
            from lc_ibis.reporting import notify

            notify.tell(settings.notify, notify.message(error, run, settings.notify_values))
        raise
    if listener:
        listener.ended(run)
    return run


def _listener(program: Program, settings: Settings) -> Any:
    """Return who is to be told of the build as it goes, if somebody is."""
    if not settings.openlineage:
        return None
    try:
        from lc_ibis.reporting.openlineage import Listener
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"openlineage needs {error.name}, which is not installed. Install it: pip install 'lc-ibis[openlineage]'."
        ) from None
    return Listener(settings.openlineage, program.pipeline(), settings)


def _verify_sources(graph: Graph, settings: Settings) -> None:
    sources = [model.name for model in graph if isinstance(model.kind, Source)]
    for name in settings.source:
        if name not in sources:
            raise SettingsError(f"source: there is no source {name!r}.{hint(name, sources)}")


@contextmanager
def _reported(run: Run, settings: Settings, store: Store) -> Iterator[None]:
    """Write the quality report, however the run ends once its database is open."""
    report.prepare(settings.reports)
    started, cut_off_before = time.perf_counter(), store.interrupted_at
    failed: LcIbisError | None = None
    try:
        yield
    except BaseException as error:
        left = store.interrupted_at
        vars(error)["is_torn"] = left not in (None, cut_off_before)
        if isinstance(error, LcIbisError):
            run.error, failed = str(error), error
            error.is_undone = run.status == "failed" and left == cut_off_before
        elif isinstance(error, KeyboardInterrupt):
            run.error = "interrupted"
        else:
            run.error = redacted(f"{type(error).__name__}: {error}")
        raise
    finally:
        run.seconds = time.perf_counter() - started
        try:
            run.report = report.write(run, settings.reports)
            if failed:
                failed.report = run.report
        except OutputError as error:
            if run.error is None:
                raise OutputError(f"The tables are published, but the report cannot be written: {error}") from None


@dataclass
class _Build:
    """One build, a method a step; a plan takes the first two."""

    program: Program
    settings: Settings
    store: Store
    state: State
    run: Run
    chosen: list[str]
    progress: Progress | None

    def __post_init__(self) -> None:
        self.before, self.graph, self.code = self.state.copy(), self.program.graph, self.program.fingerprints

    def publish(self) -> None:
        """Take all steps: within a transaction up to what is remembered, then the files that follow it."""
        refuse_warnings(self.run, self.settings.warn_error)
        staged = pending.PendingFiles(
            self.settings.outputs, self.settings.partitioned, self.settings.neutralise_formulas
        )  # fmt: skip
        failing = FailingRows(self.store, self.chosen, self.settings.store_failures)
        self.begin()
        with staged, failing, self.store.transaction():
            self.refresh()
            self.look_at_sources()
            self.check(failing)
            verified = self.verify()
            self.write(staged)
            self.write_state(failing.keep())
        self.run.status = "unchanged" if self.state == self.before and staged.is_empty else "built"
        self.run.outputs = staged.publish()
        if self.settings.verify:
            last_verify.note(self.settings.reports, self.graph, self.store, self.state, verified)
        if self.settings.publish:
            from lc_ibis.backends.duckdb import published

            if published.publish(self.store, self.settings.publish, self.state.last_run):
                self.run.outputs.append(self.settings.publish)

    def begin(self) -> None:
        """Note the contracts that the chosen tables are built with, and see what code changed.

        Raises BreakingChangeError.
        """
        models = [self.graph[name] for name in self.chosen if self.graph[name].is_stored]
        refuse_breaking(compared(models, self.state.contracts))
        self.state.contracts |= {model.name: StoredContract.of(model.contract) for model in models}
        keep, run = self.settings.keep_history, self.run
        self.refresher = Refresher(
            self.program, self.store, self.state, run, self._delivered, self.code.models, self.settings.full_refresh,
            1.0 if self.settings.allow_mass_delete else self.settings.max_delete_share,
            before(self.state.keeps_from(run), keep) if keep else None,
        )  # fmt: skip

    def _delivered(self, model: Model) -> Delivery:
        pattern = self.settings.source.get(model.name)
        found = self.state.taken.find(model, self.settings.inputs, pattern, self.settings.delivery)
        if found.replayed and not self.settings.allow_replay:
            refuse_replay(model, found)
        self.run.delivered[model.name] = [path for group in found.files for path in group.paths]
        return found

    def refresh(self) -> None:
        """Bring the chosen tables up to date, in the order of the graph."""
        for model in (self.graph[name] for name in self.chosen):
            if model.is_stored:
                self._begun(model.name)
                done = self.refresher.refresh(model)
                log.info("%s: %s, %s, %d rows", done.table, done.action, done.reason, done.row_count)
                self.run.tables.append(done)
                if self.progress:
                    self.progress.done(done)

    def look_at_sources(self) -> None:
        """Look at the ages of sources and for sudden jumps. Raises StaleSource, ChecksFailed."""
        run, given = self.run, self.settings
        ages = Ages(given.warn_file_age, given.max_file_age, given.warn_data_age, given.max_data_age)
        run.freshness = list(freshness(self.store, self.state, run, self.refresher.modified, ages))
        refuse_stale(run, given.warn_error)
        run.jumps = list(jumps(self.graph, self.store, self.state, run, given.warn_jump_factor))
        refuse_jumps(run, given.warn_error)

    def check(self, failing: FailingRows) -> None:
        """Run the checks, each on what is new to it. Raises ChecksFailed."""
        checker = Checker(
            self.program, self.store, self.refresher.tables, self.state, fingerprints=self.code.checks,
            changes=self.refresher.changes, before={name: table.version for name, table in self.before.tables.items()},
            everything=self.settings.full_refresh, thresholds=self.settings.thresholds,
            warn_error=self.settings.warn_error,
        )  # fmt: skip
        self._begun("checks")
        with timed(self.run, "checks_seconds"):
            self.run.checks = checker.run(self.chosen)
            self.run.ledger = checker.ledger()
        failing.look_up(self.run)
        refuse_failures(self.run)
        checker.note(self.run.checks)

    def verify(self) -> list[Verified]:
        """Compare with a full refresh, all tables or a sample, where that is asked for. Raises VerificationFailed."""
        keys = self.settings.verify_sample
        if not self.settings.verify and not keys:
            return []
        sample = Sample(keys, self.run.run_id, self.refresher.changes) if keys and not self.settings.verify else None
        verified = list(verify_tables(self.program, self.store, self.state, sample))
        refuse_differences(verified)
        return verified

    def write(self, staged: pending.PendingFiles) -> None:
        """Write the output files beside their places."""
        self._begun("outputs")
        with timed(self.run, "outputs_seconds"):
            steps = Steps(self.refresher.changes, self.before.tables)
            staged.write(self.store, self.program, self.state, self.chosen, self.run, steps)

    def write_state(self, kept: bool) -> None:
        """Write the state. Where nothing changed, and no rows were `kept`, the database file stays as it is."""
        if self.state != self.before:
            self.state.write(self.store, self.run)
        elif not kept:
            self.store.rollback()

    def _begun(self, what: str) -> None:
        if self.progress:
            self.progress.begun(what)


@contextmanager
def timed(run: Run, name: str) -> Iterator[None]:
    """Note in a field of the run how many seconds a part of it took."""
    started = time.perf_counter()
    yield
    setattr(run, name, time.perf_counter() - started)


class _Planned(Exception):
    """Ends the transaction of a plan."""


def plan(progress: Progress | None = None, **options: Unpack[Options]) -> list[TableRun]:
    """Return what a build would do to each table, and why. Writes nothing.

    Runs the build up to its checks and rolls it back, so the counts are exact. `options` are the fields of Settings.
    Raises LcIbisError, but no error of checks, verify or outputs, which it does not run.
    """
    settings = Settings.load(**options)
    program = project.program(settings)
    chosen = select(program.graph, settings.select, settings.exclude)
    _verify_sources(program.graph, settings)
    with opened(settings) as store:
        state = State.read(store)
        run = state.begin(Run)
        for warning in run.warnings:
            log.warning("%s", warning)
        planned = _Build(program, settings, store, state, run, chosen, progress)
        planned.begin()
        with suppress(_Planned), store.transaction():
            planned.refresh()
            raise _Planned
    return run.tables
