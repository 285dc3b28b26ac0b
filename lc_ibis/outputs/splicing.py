"""A CSV file made from the one before it: the lines of changed rows are replaced, all others are copied.

The result is, to the byte, what DuckDB's COPY of the whole ordered table writes. Where that is not certain, there is
no result, and the table is to be written as a whole.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lc_ibis.outputs.csv_lines import Key, KeyColumn, Uncertain, key_reader, values

# Lines of removed and added rows, against the whole file in bytes. With more, COPY of the whole table is as fast.
LARGEST_SHARE = 0.01
_CHUNK = 1 << 18


@dataclass(frozen=True)
class _Change:
    """What the row of a key was, by the places of its columns, and the line that it gets, if any."""

    key: Key
    was: dict[int, bytes | None]
    added: bytes


def spliced(
    old: Path, new: Path, key: Sequence[KeyColumn], removed: Path, added: Path, sha256_before: str,
    row_count_before: int,
) -> str | None:  # fmt: skip
    """Write the file that comes after `old`, and return its sha256; or return None, and leave no file.

    `removed` and `added` hold the rows that the table has lost and gained since; one that changed is in both. All
    three are by DuckDB's COPY, with a header, in ascending order of the key, which is unique. `removed` needs no
    columns but the key's; what it has must be as in `old`, and `old` as it was written, each row on one line. Raises
    OSError where files cannot be written or read.
    """
    if not old.is_file():
        return None
    if removed.stat().st_size + added.stat().st_size > LARGEST_SHARE * old.stat().st_size:
        return None
    with old.open("rb") as file:
        try:
            before = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # a file system that maps no files, or an empty file
            return None
        with before:
            header = before[: before.find(b"\n") + 1]
            is_done = False
            try:
                key_of, changes = key_reader(header, key), _changes(header, key, removed, added)
                with new.open("wb", buffering=_CHUNK) as written:
                    copy = _Copy(before, written)
                    _apply(changes, before, len(header), key_of, copy)
                    sha256 = copy.finished(sha256_before, row_count_before)
                is_done = True
                return sha256
            except Uncertain:
                return None
            finally:
                if not is_done:
                    new.unlink(missing_ok=True)


class _Copy:
    """The file that is being written, and how much of the one before it has been read."""

    def __init__(self, before: mmap.mmap, file: BinaryIO):
        self._before, self._file = before, file
        self._read, self._written = hashlib.sha256(), hashlib.sha256()
        self._at = self._line_ends = 0

    def replace(self, place: int, end: int, line: bytes) -> None:
        """Copy what comes before a place, and write a line for what is from there to an end."""
        for part in self._parts(place):
            self._file.write(part)
            self._written.update(part)
        for _left_out in self._parts(end):
            pass
        self._file.write(line)
        self._written.update(line)

    def finished(self, sha256: str, row_count: int) -> str:
        """Copy the rest, and return the sha256 of all. Those of the file before must be as given."""
        self.replace(len(self._before), len(self._before), b"")
        if self._read.hexdigest() != sha256 or self._line_ends != row_count + 1:
            raise Uncertain
        return self._written.hexdigest()

    def _parts(self, end: int) -> Iterator[bytes]:
        while self._at < end:
            part = self._before[self._at : min(end, self._at + _CHUNK)]
            self._read.update(part)
            self._line_ends += part.count(b"\n")
            self._at += len(part)
            yield part


def _apply(changes: list[_Change], before: mmap.mmap, start: int, key_of: Callable[[bytes], Key], copy: _Copy) -> None:
    """Copy the lines up to the last change, with all changes made."""
    for change, place in zip(changes, _places(changes, before, start, len(before), key_of), strict=True):
        end = place
        if change.was:
            end = before.find(b"\n", place) + 1
            found = values(before[place:end])
            if not all(at < len(found) and found[at] == value for at, value in change.was.items()):
                raise Uncertain
        # The row on the next line has a later key, or this one was there before, or there are two of one key.
        following = before[end : before.find(b"\n", end) + 1]
        if following and key_of(following) <= change.key:
            raise Uncertain
        copy.replace(place, end, change.added)


def _places(
    changes: Sequence[_Change], before: mmap.mmap, low: int, high: int, key_of: Callable[[bytes], Key]
) -> Iterator[int]:
    """Yield, for each change, where the first line begins whose key is not below, by bisection from `low` to `high`.

    The place of the change in the middle bounds those of the others.
    """
    if not changes:
        return
    middle = len(changes) // 2
    start, end = low, high
    while start < end:
        half = (start + end) // 2
        line, next_line = max(before.rfind(b"\n", start, half) + 1, start), before.find(b"\n", half, end) + 1
        if not next_line:
            raise Uncertain
        if key_of(before[line:next_line]) < changes[middle].key:
            start = next_line
        else:
            end = line
    yield from _places(changes[:middle], before, low, start, key_of)
    yield start
    yield from _places(changes[middle + 1 :], before, start, high, key_of)


def _changes(header: bytes, key: Sequence[KeyColumn], removed: Path, added: Path) -> list[_Change]:
    """Return the changes of rows under a header in the order of their keys, in which both files must be."""
    names = values(header)
    removed_header, lost = _by_key(removed, key)
    added_header, gained = _by_key(added, key)
    removed_names = values(removed_header)
    if added_header != header or not set(removed_names) <= set(names):
        raise Uncertain
    places = [names.index(name) for name in removed_names]
    was = {key: dict(zip(places, values(line), strict=True)) for key, line in lost.items()}
    return [_Change(key, was.get(key, {}), gained.get(key, b"")) for key in sorted(lost | gained)]


def _by_key(path: Path, key: Sequence[KeyColumn]) -> tuple[bytes, dict[Key, bytes]]:
    """Return the header of a small file, and its lines by their keys."""
    first, *lines = path.read_bytes().split(b"\n")
    # Quotes within quotes are doubled: their number is odd only in a line that ends within a value.
    if not lines or lines.pop() or any(line.count(b'"') % 2 for line in (first, *lines)):
        raise Uncertain
    header, key_of = first + b"\n", key_reader(first, key)
    by_key = {key_of(line): line + b"\n" for line in lines}
    if len(by_key) < len(lines) or list(by_key) != sorted(by_key):
        raise Uncertain
    return header, by_key
