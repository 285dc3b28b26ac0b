"""The documentation of a project's tables as a site: static pages that need no network."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from lc_ibis import project
from lc_ibis.errors import OutputError, SettingsError
from lc_ibis.files import texts
from lc_ibis.settings import Settings
from lc_ibis.site.dbt_artifacts import artifacts
from lc_ibis.site.facts import gathered
from lc_ibis.site.pages import pages

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options

__all__ = ["artifacts", "build", "serve"]

DIRECTORY = "site"
# Tells a site that may be replaced from a directory of something else: it names the files that were written.
_MARK = ".lc-ibis-docs"


def build(to: str | Path = DIRECTORY, sample_rows: int = 0, **options: Unpack[Options]) -> Path:
    """Write the site to a directory, replacing an earlier one, and return its first page.

    Statuses come from the last published builds, rows from the database, if there are any. With `sample_rows`, each
    table's page shows its first rows. `options` are the fields of Settings. Raises OutputError if the directory
    contains other files or cannot be written, SettingsError, and DatabaseError if the database cannot be read.
    """
    place = Path(to)
    settings = Settings.load(**options)
    _refuse_others(place)
    found = gathered(project.load(settings), settings, sample_rows)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-", ignore_cleanup_errors=True) as new:
            _write(Path(new, "site"), pages(found))
            if place.exists():
                place.rename(Path(new, "old"))
            Path(new, "site").rename(place)
    except OSError as error:
        raise OutputError(f"{error.filename or place}: cannot write it ({error.strerror}).") from None
    return place / "index.html"


def _refuse_others(place: Path) -> None:
    """Raise OutputError where a place holds a file that the site there does not name as its own."""
    if not place.exists():
        return
    if not place.is_dir():
        raise OutputError(f"{place}: it is a file. Choose a directory.")
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_symlink() or not path.is_dir()}
    written = _written(place / _MARK)
    others = sorted(there - {_MARK, *written})
    if others and _MARK in there and not written:
        raise OutputError(
            f"{place}: {_MARK} does not list the files of the site, so there may be other files. "
            f"Remove {place} if there are none, or choose another directory."
        )
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise OutputError(
            f"{place}: it contains files that lc-ibis did not write: {', '.join(others[:3])}{more}. "
            "Move them, or choose another directory."
        )


def _written(mark: Path) -> list[str]:
    """Return the files that a mark names; none where there is no mark, or one of an earlier version."""
    try:
        return texts.read(mark).splitlines()
    except (OSError, ValueError):
        return []


def _write(place: Path, made: dict[str, str]) -> None:
    for name, text in made.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    (place / _MARK).write_text("".join(f"{name}\n" for name in made), encoding="utf-8")


def serve(
    port: int = 8000, sample_rows: int = 0, ready: Callable[[str], None] = print, **options: Unpack[Options]
) -> None:
    """Build the site in a temporary directory, and serve it on this machine until interrupted.

    `ready` is called with the address. Raises the same errors as build, and SettingsError if the port cannot be used.
    """
    is_serving = False
    try:
        with served(port, sample_rows, **options) as server:
            ready(f"http://127.0.0.1:{server.server_address[1]}")
            is_serving = True
            server.serve_forever()
    except KeyboardInterrupt:
        if not is_serving:
            raise


@contextmanager
def served(port: int = 8000, sample_rows: int = 0, **options: Unpack[Options]) -> Iterator[ThreadingHTTPServer]:
    """Build the site into a temporary directory, and give a server of it on this machine's loopback address.

    Call its serve_forever. Raises as serve does.
    """
    directory = tempfile.mkdtemp(prefix="lc_ibis_docs_")
    try:
        build(Path(directory, DIRECTORY), sample_rows, **options)
        handler = partial(SimpleHTTPRequestHandler, directory=str(Path(directory, DIRECTORY)))
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as error:
            raise SettingsError(f"port: cannot use {port} ({error.strerror}). Choose another with --port.") from None
        with server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)
