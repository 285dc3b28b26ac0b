"""Compaction: a database without the room that deleted and replaced rows had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lc_ibis.backends import keeps_delta, opened
from lc_ibis.engine.state.state import State
from lc_ibis.errors import DatabaseError
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


@dataclass(frozen=True)
class Compacted:
    """A database that was compacted, and its size in bytes before and after."""

    database: str
    before_bytes: int
    after_bytes: int


def compact(**options: Unpack[Options]) -> Compacted:
    """Rewrite the database file to free the disk space of deleted rows. The tables do not change.

    While it runs, it needs disk space for a second copy. If the process is killed, the file is either the old or the
    new one. `options` are the fields of Settings. Raises DatabaseError, and then leaves the database unchanged.
    """
    settings = Settings.load(**options)
    if not keeps_delta(settings) and not settings.place.exists():
        raise DatabaseError(f"{settings.place}: no database found. Create it with lc-ibis build.")
    with opened(settings) as store:
        State.read(store)
        before = _size(settings.place)
        store.compact()
    return Compacted(str(settings.place), before, _size(settings.place))


def _size(place: Path) -> int:
    log = place.with_name(f"{place.name}.wal")
    files = place.rglob("*") if place.is_dir() else (place, log)
    return sum(file.stat().st_size for file in files if file.is_file())
