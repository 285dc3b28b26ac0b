"""Repairs of a key's versions as dbt left them, each by its name, and never unasked.

dbt gives a key that comes back with its old time of change its old id and its old start, though its version of before
has ended since, and ends the row of its deletion at that time, before it begins. Which start is true cannot be known:
the earliest that contradicts no other row is taken. A deletion was seen, so it lasts a microsecond at least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RETURNED, OVERLAPS, DOUBLES, REFUSED = "returned-keys", "overlaps", "doubles", "refused-values"
REPAIRS = {
    RETURNED: "a key came back with its old change time; start its version where the previous one ends",
    OVERLAPS: "a version starts before the previous one ends; start it where that one ends",
    DOUBLES: "a version is duplicated, or ends when it starts; keep one, or none",
    REFUSED: "staging would refuse a version; drop it and extend the previous one, as for held keys",
}
_MOMENT = timedelta(microseconds=1)
_NEVER = datetime.max


@dataclass(frozen=True)
class Version:
    """A row of a history: its number, its id, [start, end), and its values.

    `is_deleted`: it says that the key was deleted; `is_refused`: staging would refuse it.
    """

    number: int
    scd_id: str
    updated_at: datetime
    start: datetime
    end: datetime | None
    is_deleted: bool
    content: tuple[object, ...] = ()
    is_refused: bool = False


@dataclass(frozen=True)
class Repaired:
    """A version that is repaired: as it was, as it is now (None: left out), and the repair's name."""

    repair: str
    before: Version
    after: Version | None


def repaired(versions: Sequence[Version], repairs: Sequence[str]) -> list[Repaired]:
    """Return what the named repairs do to the versions of one key. What none of them covers is left as it is."""
    steps: dict[str, Callable[[list[Version]], Iterator[Repaired]]] = {
        DOUBLES: _doubles, RETURNED: _begun_later, OVERLAPS: _begun_later, REFUSED: _held,
    }  # fmt: skip
    now = {version.number: version for version in versions}
    found: dict[int, Repaired] = {}
    for step in dict.fromkeys(steps[name] for name in steps if name in repairs):
        for done in list(step(list(now.values()))):
            number = done.before.number
            if done.repair in repairs:
                first = found[number].before if number in found else done.before
                found[number] = Repaired(done.repair, first, done.after)
                now.pop(number) if done.after is None else now.update({number: done.after})
    return list(found.values())


def _doubles(versions: Sequence[Version]) -> Iterator[Repaired]:
    seen = set()
    for version in sorted(versions, key=lambda v: (v.scd_id, v.number)):
        same = (version.start, version.end, version.is_deleted, version.content)
        if same in seen or version.start == version.end:
            yield Repaired(DOUBLES, version, None)
        seen.add(same)


def _begun_later(versions: Sequence[Version]) -> Iterator[Repaired]:
    """Begin each version where the ones that ended before it end, in the order of their ends."""
    before: Version | None = None
    began = datetime.min  # where the one before began, as dbt has it
    ids: set[str] = set()
    for version in sorted(versions, key=lambda v: (_until(v) is None, _until(v) or v.start, v.start)):
        start = version.start
        floor = (_until(before) or _NEVER) if before else datetime.min
        if before and not version.is_deleted and version.start < floor:
            is_within = (_until(version) or _NEVER) <= floor
            if is_within or (version.start < began and not before.is_deleted):
                return  # one within another, or two that are open: which of them was true is not known
            is_double = version.scd_id in ids
            changed = replace(version, start=floor, updated_at=floor if is_double else version.updated_at)
            yield Repaired(RETURNED if is_double or before.is_deleted else OVERLAPS, version, changed)
            version = changed
        elif version.is_deleted and version.end != (until := _until(version)):
            ended = replace(version, end=until)
            yield Repaired(RETURNED, version, ended)
            version = ended
        ids.add(version.scd_id)
        before, began = version, start


def _held(versions: Sequence[Version]) -> Iterator[Repaired]:
    """Leave out versions that are refused; the one before, where it ends as they begin, ends as they end."""
    before: Version | None = None
    for version in sorted(versions, key=lambda v: (v.start, v.end is None)):
        if version.is_deleted:
            continue
        if not version.is_refused:
            before = version
            continue
        yield Repaired(REFUSED, version, None)
        if before and before.end is not None and before.end >= version.start and (version.end or _NEVER) > before.end:
            longer = replace(before, end=version.end)
            yield Repaired(REFUSED, before, longer)
            before = longer


def _until(version: Version) -> datetime | None:
    """Return the end; of a deletion that ends before it begins, the moment after its start."""
    if version.is_deleted and version.end is not None and version.end <= version.start:
        return version.start + _MOMENT
    return version.end
