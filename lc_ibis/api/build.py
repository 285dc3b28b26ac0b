"""Run a build: open the database, refresh the chosen tables, check, publish, report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Protocol

from lc_ibis import project
from lc_ibis.backends import opened
from lc_ibis.backends.duckdb import published
from lc_ibis.declare.checks import sentence
from lc_ibis.declare.contract_changes import StoredContract, compared, refuse_breaking
from lc_ibis.declare.models import Model, Source
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.declare.selection import select
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.prove.failing_rows import FailingRows
from lc_ibis.engine.prove.freshness import Ages, freshness
from lc_ibis.engine.prove.freshness import sentence as freshness_sentence
from lc_ibis.engine.prove.jumps import jumps
from lc_ibis.engine.prove.jumps import sentence as jump_sentence
from lc_ibis.engine.prove.verifying import Sample, Verified, verify_tables
from lc_ibis.engine.receive.deliveries import Delivery, refuse_replay
from lc_ibis.engine.refresh.fingerprints import Fingerprints, fingerprints
from lc_ibis.engine.refresh.refresher import Refresher
from lc_ibis.engine.state.run import Run, TableRun
from lc_ibis.engine.state.state import State
from lc_ibis.engine.store import Store
from lc_ibis.errors import ChecksFailed, LcIbisError, OutputError, SettingsError, StaleSource, VerificationFailed, hint
from lc_ibis.moments import before
from lc_ibis.outputs import pending
from lc_ibis.redaction import logger, redacted
from lc_ibis.reporting import last_verify, notify, report
from lc_ibis.reporting.views import ShownRun
from lc_ibis.settings import Settings

log = logger(__name__)


class Progress(Protocol):
    """Called when a build starts a table or another step, and again for each finished table."""

    def begun(self, what: str) -> None: ...
    def done(self, table: TableRun) -> None: ...


def build(progress: Progress | None = None, **options: Any) -> Run:
    """Update all tables and output files from the delivered files, all or nothing.

    `options` are the fields of Settings. `progress` is called as the build runs. If a build fails, tables and output
    files are unchanged, and its report says why. Raises LcIbisError; ChecksFailed if a check of severity error fails.
    """
    settings = Settings.load(**options)
    return run_pipeline(project.load(settings), settings, progress)


def run_pipeline(
    pipeline: Pipeline, settings: Settings, progress: Progress | None = None, now: datetime | None = None
) -> Run:
    """Build any pipeline; see build. `now` is the run's time, unless a run before it was later."""
    chosen = select(pipeline, settings.select, settings.exclude)
    _verify_sources(pipeline, settings)
    if settings.notify:
        notify.verify(settings.notify)
    if settings.publish:
        published.refuse_stranger(settings.publish)
    listener = _listener(pipeline, settings)
    run = None
    try:
        if listener:
            listener.began()
        with opened(settings) as store:
            state = State.read(store)
            run = state.begin(ShownRun, now, lineage=pipeline.lineage)
            with _reported(run, settings, store):
                _build(pipeline, settings, store, state, run, chosen, progress)
    except BaseException as error:  # an interruption too leaves nothing published
        if listener:
            listener.failed(error)
        if settings.notify:
            notify.tell(settings.notify, notify.message(error, run, settings.notify_values))
        raise
    if listener:
        listener.ended(run)
    return run


def _listener(pipeline: Pipeline, settings: Settings) -> Any:
    """Return who is to be told of the build as it goes, if somebody is."""
    if not settings.openlineage:
        return None
    try:
        from lc_ibis.reporting.openlineage import Listener
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"openlineage needs {error.name}, which is not installed. Install it: pip install 'lc-ibis[openlineage]'."
        ) from None
    return Listener(settings.openlineage, pipeline, settings)


def _verify_sources(pipeline: Pipeline, settings: Settings) -> None:
    sources = [model.name for model in pipeline if isinstance(model.kind, Source)]
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


def _build(
    pipeline: Pipeline, settings: Settings, store: Store, state: State, run: Run,
    chosen: list[str], progress: Progress | None,
) -> None:  # fmt: skip
    _refuse_warnings(run, settings.warn_error)
    unchanged = state.copy()
    staged = pending.PendingFiles(settings.outputs, settings.partitioned, settings.neutralise_formulas)
    _take_contracts(pipeline, state, chosen)
    code = fingerprints(pipeline, state)
    refresher = _refresher(pipeline, settings, store, state, run, code)
    failing = FailingRows(store, chosen, settings.store_failures)
    with staged, failing, store.transaction():
        _refresh(refresher, chosen, progress)
        run.freshness = list(freshness(store, state, run, refresher.modified, _ages(settings)))
        _refuse_stale(run, settings.warn_error)
        run.jumps = list(jumps(pipeline, store, state, run, settings.warn_jump_factor))
        _refuse_jumps(run, settings.warn_error)
        versions = {name: table.version for name, table in unchanged.tables.items()}
        checker = Checker(
            pipeline, store, refresher.tables, state, fingerprints=code.checks, changes=refresher.changes,
            before=versions, everything=settings.full_refresh, thresholds=settings.thresholds,
            warn_error=settings.warn_error,
        )  # fmt: skip
        if progress:
            progress.begun("checks")
        with timed(run, "checks_seconds"):
            run.checks = checker.run(chosen)
            run.ledger = checker.ledger()
        failing.look_up(run)
        _refuse_failures(run)
        checker.remember(run.checks)
        state.code = code.program if code.are_all_in(state) else ""
        if settings.verify:
            verified = list(verify_tables(pipeline, store, state))
            refuse_differences(verified)
        elif settings.verify_sample:
            sample = Sample(settings.verify_sample, run.run_id, refresher.changes)
            refuse_differences(verify_tables(pipeline, store, state, sample))
        if progress:
            progress.begun("outputs")
        with timed(run, "outputs_seconds"):
            staged.write(store, pipeline, state, chosen, run)
        kept = failing.keep()
        if state != unchanged:
            state.write(store, run)
        elif not kept:
            # Nothing to record: the database file stays as it is, to the byte.
            store.rollback()
    run.status = "unchanged" if state == unchanged and staged.is_empty else "built"
    run.outputs = staged.publish()
    if settings.verify:
        last_verify.note(settings.reports, pipeline, store, state, verified)
    if settings.publish and published.publish(store, settings.publish, state.last_run):
        run.outputs.append(settings.publish)


def _take_contracts(pipeline: Pipeline, state: State, chosen: list[str]) -> None:
    """Note the contracts that the chosen tables are built with. Raises BreakingChangeError."""
    models = [pipeline[name] for name in chosen if pipeline[name].is_stored]
    refuse_breaking(compared(models, state.contracts))
    state.contracts |= {model.name: StoredContract.of(model.contract) for model in models}


def _refresher(
    pipeline: Pipeline, settings: Settings, store: Store, state: State, run: Run, code: Fingerprints
) -> Refresher:
    def delivered(model: Model) -> Delivery:
        found = state.taken.find(model, settings.inputs, settings.source.get(model.name), settings.delivery)
        if found.replayed and not settings.allow_replay:
            refuse_replay(model, found)
        run.delivered[model.name] = [path for group in found.files for path in group.paths]
        return found

    since = before(state.keeps_from(run), settings.keep_history) if settings.keep_history else None
    most = 1.0 if settings.allow_mass_delete else settings.max_delete_share
    return Refresher(pipeline, store, state, run, delivered, code.models, settings.full_refresh, most, since)


def _refresh(refresher: Refresher, chosen: list[str], progress: Progress | None) -> None:
    for model in (refresher.pipeline[name] for name in chosen):
        if model.is_stored:
            if progress:
                progress.begun(model.name)
            done = refresher.refresh(model)
            log.info("%s: %s, %s, %d rows", done.table, done.action, done.reason, done.row_count)
            refresher.run.tables.append(done)
            if progress:
                progress.done(done)


@contextmanager
def timed(run: Run, name: str) -> Iterator[None]:
    """Note in a field of the run how many seconds a part of it took."""
    started = time.perf_counter()
    yield
    setattr(run, name, time.perf_counter() - started)


class _Planned(Exception):
    """Ends the transaction of a plan."""


def plan(progress: Progress | None = None, **options: Any) -> list[TableRun]:
    """Return what a build would do to each table, and why. Writes nothing.

    Runs the build up to its checks and rolls it back, so the counts are exact. `options` are the fields of Settings.
    Raises the same errors as build.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    chosen = select(pipeline, settings.select, settings.exclude)
    _verify_sources(pipeline, settings)
    with opened(settings) as store:
        state = State.read(store)
        run = state.begin(Run)
        for warning in run.warnings:
            log.warning("%s", warning)
        _take_contracts(pipeline, state, chosen)
        refresher = _refresher(pipeline, settings, store, state, run, fingerprints(pipeline, state))
        with suppress(_Planned), store.transaction():
            _refresh(refresher, chosen, progress)
            raise _Planned
    return run.tables


def refuse_differences(results: Iterable[Verified]) -> None:
    """Raise VerificationFailed where a stored table differs."""
    differing = [result for result in results if result.status == "differs"]
    if differing:
        listed = "\n".join(f"  {result.table}: {_differing(result)}" for result in differing)
        raise VerificationFailed(
            f"These tables differ from a full refresh:\n{listed}\n"
            "Build with --full-refresh to recompute all tables but the histories, and please report it."
        )


def _differing(result: Verified) -> str:
    keys = "; ".join(" ".join(f"{name} {value}" for name, value in key.items()) for key in result.keys)
    more = "; …" if result.differing_count > len(result.keys) else ""
    return f"{result.differing_count:,} {'key differs' if result.differing_count == 1 else 'keys differ'}: {keys}{more}"


def _ages(settings: Settings) -> Ages:
    return Ages(settings.warn_file_age, settings.max_file_age, settings.warn_data_age, settings.max_data_age)


def _refuse_warnings(run: Run, warn_error: bool) -> None:
    if run.warnings and warn_error:
        raise ChecksFailed(f"Nothing was published: {'; '.join(run.warnings)}")


def _refuse_stale(run: Run, warn_error: bool) -> None:
    stale = [found for found in run.freshness if found.status == "fail" or (found.status == "warn" and warn_error)]
    if stale:
        listed = "\n".join(f"  {freshness_sentence(found)}" for found in stale)
        raise StaleSource(f"Sources are stale. Nothing was published:\n{listed}")


def _refuse_jumps(run: Run, warn_error: bool) -> None:
    if run.jumps and warn_error:
        listed = "\n".join(f"  {jump_sentence(jump)}" for jump in run.jumps)
        raise ChecksFailed(f"Tables grew suddenly. Nothing was published:\n{listed}")


def _refuse_failures(run: Run) -> None:
    failures = [result for result in run.checks if result.status == "fail"]
    if failures:
        listed = "\n".join(f"  {sentence(result)}" for result in failures)
        checks = "1 check" if len(failures) == 1 else f"{len(failures)} checks"
        raise ChecksFailed(f"{checks} failed, so nothing was published:\n{listed}")
