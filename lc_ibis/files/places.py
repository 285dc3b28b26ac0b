"""Put files in places where others are, and keep those."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lc_ibis.errors import BackupError, DatabaseInUse
from lc_ibis.files.digests import is_whole, sha256_of
from lc_ibis.files.whole import copied, remove

STAGED = "restore.tmp"


@dataclass(frozen=True)
class Kept:
    """A place, and where what it held before is kept; None where it held nothing."""

    place: Path
    kept: Path | None


def beside(place: Path) -> Path:
    """Return where what is to come to a place is made; what a killed process made for it is removed."""
    # A place's own characters would be a pattern's to glob.
    for leftover in place.parent.iterdir() if place.parent.is_dir() else ():
        if leftover.name.startswith(f".{place.name}.") and leftover.name.endswith(f".{STAGED}"):
            remove(leftover)
    return place.with_name(f".{place.name}.{os.getpid()}.{STAGED}")


def stage(source: Path, sha256: str, staged: Path) -> None:
    """Copy a file of a backup. Raises BackupError where it is no longer what it was when it was looked at."""
    with source.open("rb") as file:
        if copied(file, staged) != sha256:
            raise BackupError(f"{source}: it has changed during the restore. Restore again.")


def keep(place: Path, aside: Path) -> None:
    """Give a file a second name, so that its place is never empty until another file replaces it there."""
    try:
        os.link(place, aside)
    except OSError:
        # A file system without second names.
        written = aside.with_name(f".{aside.name}.tmp")
        shutil.copy2(place, written)
        os.replace(written, aside)


def put_new(written: Path, place: Path) -> None:
    """Move a file to a place where there is none. Raises DatabaseInUse where there is one by now."""
    try:
        os.link(written, place)
    except FileExistsError:
        raise DatabaseInUse(f"{place}: another process created it meanwhile. Run it again.") from None
    except OSError:
        os.replace(written, place)
    written.unlink(missing_ok=True)


@dataclass
class PendingOutputs:
    """The output files of a backup, copied beside their places in `directory`, until they are put there.

    `names` are those that builds may have written: what has none in the backup goes too, for it would be of other
    tables. Raises OSError, BackupError.
    """

    directory: Path
    names: Iterable[str]
    _staged: dict[str, Path] = field(default_factory=dict)
    _same: set[str] = field(default_factory=set)

    def stage(self, source: Path, files: Mapping[str, str]) -> None:
        """Copy the files of a backup, their sha256 by their place below `source`, but for those that are in place."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys(path.split("/")[0] for path in files):
            place = self.directory / name
            staged = beside(place)
            own = {path: sha256 for path, sha256 in files.items() if path.split("/")[0] == name}
            if _digests(place, name) == own:
                self._same.add(name)
                continue
            self._staged[name] = staged
            for path, sha256 in own.items():
                stage(source / path, sha256, staged.joinpath(*path.split("/")[1:]))

    def publish(self, mark: str) -> Iterator[Kept]:
        """Put each file in its place, keep what was there under its name with the `mark`, and tell of it."""
        for name, staged in self._staged.items():
            yield _replaced(staged, self.directory / name, mark)
        for name in sorted(set(self.names) - self._staged.keys() - self._same):
            place = self.directory / name
            if is_whole(place):
                os.rename(place, aside := place.with_name(f"{name}.{mark}"))
                yield Kept(place, aside)

    def discard(self) -> None:
        """Remove what was not put in its place."""
        for staged in self._staged.values():
            remove(staged)


def _replaced(staged: Path, place: Path, mark: str) -> Kept:
    if not os.path.lexists(place):
        os.rename(staged, place)
        return Kept(place, None)
    aside = place.with_name(f"{place.name}.{mark}")
    if place.is_file() and not place.is_symlink() and staged.is_file():
        keep(place, aside)
        os.replace(staged, place)
    else:
        os.rename(place, aside)
        try:
            os.rename(staged, place)
        except OSError:
            os.rename(aside, place)
            raise
    return Kept(place, aside)


def _digests(place: Path, name: str) -> dict[str, str]:
    """Return the sha256 of a file, or of a directory's files, by their places from the name on."""
    if not is_whole(place):
        return {}
    files = {f"{name}/{file.name}": file for file in place.iterdir()} if place.is_dir() else {name: place}
    found = {}
    for path, file in files.items():
        with file.open("rb") as bytes_:
            found[path] = sha256_of(bytes_)
    return found
