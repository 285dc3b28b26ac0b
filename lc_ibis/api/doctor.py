"""What is fine with an installation and a project, what is not, and how to mend it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lc_ibis.errors import DatabaseInUse, LcIbisError
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.engine.store import Store
    from lc_ibis.keywords import Options

# By backend: the environment variables without which it cannot be reached.
_CREDENTIALS = {"databricks": ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_HTTP_PATH")}
_JAVAS = (17, 21)
# Less free space than this, or than twice the database, is worth a word.
_LEAST_FREE = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was checked, its status, and how to fix it."""

    topic: str
    status: Literal["pass", "warn", "fail"]
    found: str
    mend: str = ""


def doctor(**options: Unpack[Options]) -> list[Finding]:
    """Check Python, packages, Java, settings, extracts, directories, disk space, credentials, database and last verify.

    `options` are the fields of Settings. Writes nothing. Problems are returned, not raised.
    """
    found = [Finding("Python", "pass", f"{platform.python_version()}, lc-ibis {version('lc-ibis')}")]
    try:
        settings = Settings.load(**options)
    except LcIbisError as error:
        return [*found, Finding("settings", "fail", str(error), "Fix the setting named above.")]
    found.append(Finding("settings", "pass", f"backend {settings.backend}, tables in {settings.place}"))
    for look in (_packages, _java, _credentials, _extracts, _directories, _disk, _database):
        found += look(settings)
    return found


def _packages(settings: Settings) -> Iterator[Finding]:
    """Yield one finding for all packages that are as they must be, and one for each that is not."""
    from packaging.requirements import Requirement

    extras = {"spark": ("", "spark"), "databricks": ("", "spark", "databricks")}.get(settings.backend, ("",))
    fine = 0
    for requirement in map(Requirement, requires("lc-ibis") or ()):
        if requirement.name == "lc-ibis":
            continue
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        mend = f"pip install '{requirement.name}{requirement.specifier}'"
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield Finding("packages", "fail", f"{requirement.name} is not installed", mend)
            continue
        if requirement.specifier.contains(installed, prereleases=True):
            fine += 1
        else:
            yield Finding("packages", "fail", f"{requirement.name} is {installed}, not {requirement.specifier}", mend)
    yield Finding("packages", "pass", f"{fine} with the required version")


def _java(settings: Settings) -> Iterator[Finding]:
    if settings.backend != "spark" or settings.remote:
        return
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    mend = "Install Java 17 (apt install openjdk-17-jre-headless, brew install openjdk@17), or set JAVA_HOME."
    try:
        said = subprocess.run([java or "java", "-version"], capture_output=True, text=True, timeout=30).stderr
    except (OSError, subprocess.TimeoutExpired):
        yield Finding("Java", "fail", "no working Java found", mend)
        return
    number = re.search(r'version "(?:1\.)?(\d+)', said)
    if number and int(number[1]) in _JAVAS:
        yield Finding("Java", "pass", said.splitlines()[0])
    else:
        yield Finding("Java", "fail", (said.splitlines() or ["unknown"])[0], mend)


def _credentials(settings: Settings) -> Iterator[Finding]:
    names = _CREDENTIALS.get(settings.backend, ())
    if missing := [name for name in names if not os.environ.get(name)]:
        yield Finding("credentials", "fail", f"{', '.join(missing)} not set", "Set them in the environment.")
    elif names:
        yield Finding("credentials", "pass", f"{', '.join(names)} are set")


def _extracts(settings: Settings) -> Iterator[Finding]:
    from rich.filesize import decimal

    from lc_ibis import project
    from lc_ibis.declare.models import Source
    from lc_ibis.engine.receive.extracts import delivered

    try:
        pipeline = project.load(settings)
    except LcIbisError as error:
        yield Finding("models", "fail", str(error), "Fix the package or the setting models.")
        return
    for model in pipeline:
        if not isinstance(model.kind, Source):
            continue
        pattern = settings.source.get(model.name)
        try:
            groups = delivered(model, settings.inputs, pattern, with_operations=settings.delivery == "delta")
        except LcIbisError as error:
            yield Finding(model.name, "fail", str(error), "If it is elsewhere, set --inputs or --source.")
            continue
        paths = [path for group in groups for path in group.paths]
        size = decimal(sum(path.stat().st_size for path in paths))
        where = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
        yield Finding(model.name, "pass", f"{where}, {size}, columns as expected")


def _directories(settings: Settings) -> Iterator[Finding]:
    places = {"outputs": settings.outputs, "reports": settings.reports}
    if settings.backend == "duckdb":
        places["database"] = settings.place.parent
    for name, place in places.items():
        near = _existing(place)
        if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
            yield Finding(f"{name} directory", "pass", f"{place} is writable")
        else:
            mend = f"Grant write permission, or choose another directory with --{name}."
            yield Finding(f"{name} directory", "fail", f"{near} is not writable", mend)


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(settings.place.parent)).free
    size = settings.place.stat().st_size if settings.place.is_file() else 0
    found = f"{free / 1e9:,.1f} GB free"
    if free < max(_LEAST_FREE, 2 * size):
        yield Finding("disk", "warn", found, "A build can need more than the size of the database. Free disk space.")
    else:
        yield Finding("disk", "pass", found)


def _database(settings: Settings) -> Iterator[Finding]:
    from lc_ibis.backends import opened
    from lc_ibis.engine.state.state import State, run_times

    if any(not os.environ.get(name) for name in _CREDENTIALS.get(settings.backend, ())):
        return
    if settings.backend == "duckdb" and not settings.place.exists():
        yield Finding("database", "pass", f"{settings.place} does not exist yet. lc-ibis build creates it")
        return
    try:
        with opened(settings, read_only=True) as store:
            last, runs = State.read(store).last_run, run_times(store)
            ahead = list(_ahead(settings, store, runs))
    except DatabaseInUse as error:
        yield Finding("database", "warn", str(error))
    except LcIbisError as error:
        yield Finding("database", "fail", str(error), "If it is damaged, restore a backup with lc-ibis restore.")
    else:
        said = f"run {last[0]} of {last[1]:%Y-%m-%d %H:%M:%S} UTC" if last else "no run yet"
        yield Finding("database", "pass", f"{settings.place}: {said}")
        if ahead:
            mend = (
                "If the clock is right, run lc-ibis redate, which corrects them after a backup. If not, set the clock."
            )
            yield Finding("times", "fail", f"in the future: {'; '.join(ahead)}", mend)
        yield _last_verify(settings, runs)


def _ahead(settings: Settings, store: Store, runs: Mapping[int, datetime]) -> Iterator[str]:
    """Say of the log of runs and of each history which times lie beyond the clock: how many, and the latest."""
    from lc_ibis import project
    from lc_ibis.declare.models import Snapshot
    from lc_ibis.engine.refresh.redating import future_times
    from lc_ibis.engine.state.run import SKEW
    from lc_ibis.engine.state.state import utc_now

    limit = utc_now() + SKEW
    beyond = [at for at in runs.values() if at > limit]
    if beyond:
        yield f"state.runs (run_at {len(beyond):,}; the latest {max(beyond)})"
    try:
        pipeline = project.load(settings)
    except LcIbisError:
        return  # which is said elsewhere
    there = store.tables()
    histories = [m.name for m in pipeline if isinstance(m.kind, Snapshot) and (m.layer, m.name) in there]
    for table, found in groupby(future_times(store, pipeline, histories, limit), key=lambda one: one[0]):
        columns = list(found)
        counts = ", ".join(f"{column} {count:,}" for _, column, count, _ in columns)
        yield f"{table} ({counts}; the latest {max(latest for *_, latest in columns)})"


def _last_verify(settings: Settings, runs: Mapping[int, datetime]) -> Finding:
    """Say when all tables were last compared with the same made anew, and whether they were the same."""
    from lc_ibis.reporting import last_verify

    try:
        last = last_verify.last(settings.reports, runs)
    except ValueError as error:
        return Finding("verify", "warn", str(error), "Run lc-ibis verify to replace it.")
    if last is None:
        return Finding("verify", "pass", "no full verify yet. lc-ibis verify compares every table with a full refresh")
    since = (
        f"{last.runs_since:,} {'run' if last.runs_since == 1 else 'runs'} since" if last.runs_since else "no run since"
    )
    found = f"run {last.run_id}, at {last.at:%Y-%m-%d %H:%M:%S} UTC: {last.identical_count} tables identical"
    if last.skipped:
        found += f", {len(last.skipped)} not compared"
    if not last.differing:
        return Finding("verify", "pass", f"{found}; {since}")
    mend = "Run lc-ibis build --full-refresh, then lc-ibis verify, and please report it."
    found += f", {len(last.differing)} different ({', '.join(last.differing)}); {since}"
    return Finding("verify", "warn" if last.runs_since else "fail", found, mend)


def _existing(place: Path) -> Path:
    """Return a place, or the nearest directory above it that is there."""
    place = place.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
