"""The cache of compiled SQL: a file for each version of the code, in the user's cache directory.

It is named after all that the SQL depends on: the files of the program and of the models, Ibis, sqlglot, the dialect.
A damaged file is ignored, and the SQL compiled again. The checksum finds damage, not tampering: whoever can write to
the directory can change what a build runs.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_ibis import _started
from lc_ibis.compiled.graphs import from_values, to_values
from lc_ibis.compiled.origins import are_as_before, digests, files_of, is_self_contained, libraries
from lc_ibis.compiled.program import Program, program
from lc_ibis.compiled.queries import Dialect, Template
from lc_ibis.declare.graph import Graph
from lc_ibis.errors import ModelError
from lc_ibis.files.whole import write_text
from lc_ibis.redaction import logger

if TYPE_CHECKING:
    from lc_ibis.declare.pipeline import Pipeline

PACKAGE = Path(__file__).parents[1]
_OURS = "lc_ibis."
_LIBRARIES = ("ibis-framework", "sqlglot")
# What makes templates, and says how engines call types; the rest of the package only runs them.
_PARTS = ("backends", "compiled", "declare", "files", "layers")
# Files that no build used for so long are removed.
_OLDEST = 60 * 24 * 3600
# A file system's clock may lag by so many seconds.
_CLOCK = 0.01
log = logger(__name__)


def load(dialect: Dialect, pipeline: Callable[[], Pipeline], models: tuple[str, ...] = ()) -> Program:
    """Return the program of our pipeline, with the models of those packages, from the cache if it is there.

    Where its models are imported already, they are taken as they are now.
    """
    place = _place(dialect, models)
    if any(name in sys.modules for name in models or (f"{_OURS}layers",)):
        live = program(pipeline(), dialect)
        if place and not models and _is_ours(live.graph) and not live.made and (known := _read(place, pipeline)):
            live.made.update(known.made)
        return live
    known = _read(place, _unchanged(dialect, pipeline, models)) if place else None
    return known or program(pipeline(), dialect)


def save(program: Program, models: tuple[str, ...] = ()) -> None:
    """Keep what a program has made, if anything is new; where that cannot be, the next build makes it again."""
    if not program.has_missed:
        return
    program.has_missed = False
    try:
        _save(program, models)
    except Exception as error:  # of whatever kind: the build is published
        log.info("the compiled SQL is not kept (%s)", error)


def _save(program: Program, models: tuple[str, ...]) -> None:
    live = program.pipeline()
    modules = getattr(live, "modules", ())
    if not modules or (not models and not _is_ours(live)):
        return
    files = files_of(modules, PACKAGE) if models else []
    if why := is_self_contained(files):
        log.info("the compiled SQL of %s is not kept: %s", ", ".join(models), why)
        return
    program.complete()
    content = {"graph": to_values(program.graph), "made": _encoded(program.made), "files": digests(files)}
    text = json.dumps({**content, "dialect": program.dialect.name}, ensure_ascii=False, sort_keys=True)
    # Asked for last: what changed meanwhile is not what was compiled.
    place = None if any(map(_is_younger, files)) else _place(program.dialect, models)
    if place is None:
        log.info("the compiled SQL is not kept: its files are younger than this process")
        return
    whole = f"{_sha256([text.encode()])}\n{text}\n"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not place.is_file() or place.read_text(encoding="utf-8", errors="replace") != whole:
        write_text(place, whole)
    _sweep(place)


def _unchanged(dialect: Dialect, pipeline: Callable[[], Pipeline], models: tuple[str, ...]) -> Callable[[], Pipeline]:
    """Return what gives the pipeline that a graph was read for. Raises ModelError where its files have changed."""

    def load() -> Pipeline:
        live = pipeline()
        if not _place(dialect, models) or any(map(_is_younger, files_of(live.modules, PACKAGE) if models else [])):
            raise ModelError("The models were changed while this process ran. Start it again.")
        return live

    return load


def _is_ours(graph: Graph) -> bool:
    """Say whether a pipeline is made of modules of this package alone."""
    modules = getattr(graph, "modules", ())
    return bool(modules) and all(module.__name__.startswith(_OURS) for module in modules)


def _read(place: Path, pipeline: Callable[[], Pipeline]) -> Program | None:
    """Return the program that a file of the cache holds; None where it is not whole, or of files that have changed."""
    try:
        digest, text = place.read_text(encoding="utf-8").split("\n", 1)
        if digest != _sha256([text.removesuffix("\n").encode()]):
            raise ValueError("its checksum is another")
        known = json.loads(text)
        if not known["graph"]["models"] or not are_as_before(known["files"]):
            return None
        found = Program(
            from_values(known["graph"], pipeline), Dialect(known["dialect"]), pipeline, _decoded(known["made"])
        )
        os.utime(place)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever somebody else has written there
        log.info("%s: not used (%s)", place, error)
        return None
    return found


def _place(dialect: Dialect, models: tuple[str, ...]) -> Path | None:
    """Return where the SQL of a pipeline is kept; None where our files are younger than this process.

    What was imported may then be another version than what is on disk.
    """
    try:
        if not _files() or any(map(_is_younger, _files())):
            return None
        return _directory() / f"{_digest(dialect, models, os.getcwd())}.json"
    except OSError:
        return None


@functools.cache
def _files() -> list[Path]:
    return [file for part in _PARTS for file in sorted((PACKAGE / part).rglob("*.py"))]


def _is_younger(file: Path) -> bool:
    """Say whether a file was written after this package was imported, or hardly before."""
    return file.stat().st_ctime > _started.AT - _CLOCK


@functools.cache
def _digest(dialect: Dialect, models: tuple[str, ...], directory: str) -> str:
    """Return the sha256 of all that the SQL of a pipeline depends on, besides the files of `models`."""
    # Cached before models are imported: their import extends Python's path.
    contents = (
        part for file in _files() for part in (file.relative_to(PACKAGE).as_posix().encode(), file.read_bytes())
    )
    where = [*models, directory, *sys.path, libraries()] if models else []
    versions = map(_version, _LIBRARIES)
    return _sha256([dialect.name.encode(), *versions, *(each.encode() for each in where), *contents])


def _version(library: str) -> bytes:
    """Return the version of an installed library."""
    # By the names of directories: to import importlib.metadata takes longer than all else here.
    start = f"{library.replace('-', '_')}-"
    for path in sys.path:
        with suppress(OSError):
            for name in os.listdir(path or "."):
                if name.startswith(start) and name.endswith(".dist-info"):
                    return name.encode()
    from importlib.metadata import version

    return f"{library} {version(library)}".encode()


def _directory() -> Path:
    from platformdirs import user_cache_path

    return Path(user_cache_path("lc-ibis", appauthor=False)) / "sql"


def _sweep(place: Path) -> None:
    oldest = time.time() - _OLDEST
    for file in place.parent.glob("*.json"):
        if file.stat().st_mtime < oldest:
            file.unlink()


def _encoded(value: Any) -> Any:
    """Return what a program has made as plain values. Templates that call Python functions are left out."""
    if isinstance(value, Template):
        return {":sql": value.sql, ":columns": value.columns}
    if isinstance(value, dict):
        return {name: _encoded(each) for name, each in value.items() if not _calls(each)}
    return [_encoded(each) for each in value] if isinstance(value, list | tuple) else value


def _calls(value: Any) -> bool:
    """Say whether there is a template that calls Python functions, whose names are known to one process alone."""
    if isinstance(value, Template):
        return bool(value.functions)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_calls, parts))


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {":sql", ":columns"}:
            return Template(value[":sql"], tuple(value[":columns"]))
        return {name: _decoded(each) for name, each in value.items()}
    return [_decoded(each) for each in value] if isinstance(value, list) else value


def _sha256(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
        found.update(b"\n")
    return found.hexdigest()
