"""Deliveries: which files are new, and what they make of the rows received so far.

A full delivery is the whole extract. A delta holds only what changed: its rows replace those of
their keys, and a row whose _op is delete removes them. A delta's file is known by its name and
content, and is taken once: delivered again, in whatever order, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from lc_ibis.compiled.program import Program
from lc_ibis.compiled.queries import FILE_ORDER, ROWS, Dialect, Query
from lc_ibis.declare.marks import OPERATION
from lc_ibis.declare.models import Model
from lc_ibis.engine.receive.extracts import delivered
from lc_ibis.engine.store import Files, Store
from lc_ibis.errors import ExtractError, ReplayedExtract, cut
from lc_ibis.files.digests import sha256_of

Kind = Literal["full", "delta"]
# How a file was taken; a full delivery's is replaced once another is taken.
How = Literal["full", "delta", "replaced"]
OPERATIONS = ("upsert", "delete", "")
_SHOWN = 5


@dataclass(frozen=True)
class Delivery:
    """The files of a source, with the sha256 of each by name; of deltas only those not taken before.

    `known_since` is the run that took them all already, if they are not new; `modified_at` is when the newest of all
    files, taken before or not, was last written, UTC. `replayed` are those that were taken before and replaced since,
    with the run that took them.
    """

    kind: Kind
    files: list[Files]
    digests: dict[str, str]
    known_since: int | None = None
    modified_at: datetime = datetime.min
    replayed: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> str:
        return ", ".join(str(path) for group in self.files for path in group.paths)


@dataclass(frozen=True)
class TakenFile:
    """How a file was taken, and the run that took it."""

    delivery: How
    run_id: int


@dataclass
class Taken:
    """The files that were taken, by source, name and sha256."""

    files: dict[tuple[str, str, str], TakenFile] = field(default_factory=dict)

    def of(self, source: str) -> dict[tuple[str, str], TakenFile]:
        """Return the files of a source, by name and sha256."""
        return {file[1:]: taken for file, taken in self.files.items() if file[0] == source}

    def find(self, model: Model, inputs: Path, pattern: str | None, kind: Kind) -> Delivery:
        """Return what is delivered for a source. Raises ExtractError."""
        groups = delivered(model, inputs, pattern, with_operations=kind == "delta")
        newest = max(path.stat().st_mtime for group in groups for path in group.paths)
        modified_at = datetime.fromtimestamp(newest, timezone.utc).replace(tzinfo=None)
        digests = {_name(path, inputs): sha256_of(path) for group in groups for path in group.paths}
        if kind == "full":
            return Delivery(kind, groups, digests, modified_at=modified_at, **self._known_full(model.name, digests))
        current = {file: taken for file, taken in self.of(model.name).items() if taken.delivery != "replaced"}
        new = {name: sha for name, sha in digests.items() if (name, sha) not in current}
        since = max((current[file].run_id for file in digests.items() if file in current), default=0)
        singles = [Files(group.format, group.columns, (path,)) for group in groups for path in group.paths]
        unread = [one for one in singles if _name(one.paths[0], inputs) in new]
        return Delivery(kind, sorted(unread, key=lambda one: one.paths), new, None if new else since, modified_at)

    def _known_full(self, source: str, digests: dict[str, str]) -> dict[str, Any]:
        """Return since when a full delivery's files are known, if they are the last, and which are older ones."""
        mine = self.of(source)
        last = {file for file, taken in mine.items() if taken.delivery == "full"}
        since = max((taken.run_id for taken in mine.values()), default=0)
        is_same = last == set(digests.items()) and all(mine[file].run_id == since for file in last)
        replaced = {sha: taken.run_id for (_, sha), taken in mine.items() if taken.delivery == "replaced"}
        past = replaced.keys() - {sha for _, sha in last}
        replayed = {name: replaced[sha] for name, sha in digests.items() if sha in past}
        return {"known_since": since if is_same else None, "replayed": replayed}

    def take(self, model: Model, delivery: Delivery, run_id: int) -> None:
        """Note that a delivery was read."""
        if delivery.kind == "full":
            full = {file: taken for file, taken in self.of(model.name).items() if taken.delivery == "full"}
            self.files |= {(model.name, *file): replace(taken, delivery="replaced") for file, taken in full.items()}
        for name, sha in delivery.digests.items():
            self.files[model.name, name, sha] = TakenFile(delivery.kind, run_id)


def refuse_replay(model: Model, delivery: Delivery) -> None:
    """Raise ReplayedExtract for the files of a delivery that are not the newest."""
    listed = ", ".join(f"{name} was already loaded by run {run}" for name, run in delivery.replayed.items())
    raise ReplayedExtract(
        f"{model.name}: {listed} and has been superseded since. Loading it again would undo later changes. "
        "Deliver the newest extract, or build with --allow-replay."
    )


@dataclass(frozen=True)
class Replacement:
    """What a delta does to the rows received so far: `old` ones go, `new` ones, with the received columns, come."""

    old: Query
    new: Query


def replacement(
    program: Program, store: Store, model: Model, delivery: Delivery, parts: list[Query], stored: Query
) -> Replacement:
    """Return what the files of a delta, each as a table in the order of their names, do to the stored rows.

    Where two files speak of a key, the later has its way. A key that cannot be read is known by its text, as it was
    received. A row without any stands for itself alone: it is there once more if it was not there, or removed. Raises
    ExtractError.
    """
    sql, headers = program.dialect, tuple(model.contract.headers())
    rows = _operations(program, store, model, delivery, parts)
    names = model.contract.received_key()
    by_key = _last_words(
        store, delivery, sql.where(rows, "lc_ibis_is_known"), [f"lc_ibis_key_{name}" for name in names]
    )
    unknown = store.scratch(sql.where(rows, "NOT lc_ibis_is_known"))
    columns = ", ".join(f"{sql.quoted(f'lc_ibis_key_{name}')} AS {sql.quoted(name)}" for name in names)
    keys = sql.made(f"SELECT DISTINCT {columns} FROM {by_key.rows} AS t", names, by_key)
    old = program.among(model, stored, keys, names)
    new = _said(sql, by_key, headers)
    if store.count(unknown):
        by_text = _last_words(store, delivery, sql.where(unknown, "lc_ibis_is_written"), names)
        by_row = _last_words(store, delivery, sql.where(unknown, "NOT lc_ibis_is_written"), headers)
        dead = sql.where(by_row, f"{OPERATION} = 'delete'")
        old = sql.union(old, sql.among(stored, by_text, names), sql.among(stored, dead, headers))
        alone = sql.select(_said(sql, by_row, headers), headers, is_distinct=True)
        new = sql.union(new, _said(sql, by_text, headers), sql.among(alone, stored, headers, are_others=True))
    return Replacement(store.scratch(old), store.scratch(new))


def _said(sql: Dialect, rows: Query, headers: tuple[str, ...]) -> Query:
    return sql.select(sql.where(rows, f"{OPERATION} <> 'delete'"), headers)


def _operations(program: Program, store: Store, model: Model, delivery: Delivery, parts: list[Query]) -> Query:
    """Return the rows of all files, with the keys that they are about; see deliveries.operations."""
    sql, columns = program.dialect, (*model.contract.headers(), OPERATION)
    tables = [
        sql.made(
            f"SELECT {sql.listed(columns)}, CAST({number} AS BIGINT) AS {FILE_ORDER} FROM {part.rows} AS t",
            (*columns, FILE_ORDER), part,
        )
        for number, part in enumerate(parts)
    ]  # fmt: skip
    rows: Query = store.scratch(program.delta(model).over({ROWS: sql.union(*tables)}))
    known = ", ".join(map(sql.text, OPERATIONS))
    odd = sql.select(sql.where(rows, f"{OPERATION} NOT IN ({known})"), (OPERATION,), is_distinct=True)
    if found := store.rows(sql.ordered(odd, (OPERATION,), _SHOWN)):
        listed = ", ".join(repr(cut(row[OPERATION])) for row in found)
        raise ExtractError(
            f"{delivery.names}: {OPERATION} is {listed}. Use upsert, delete, or leave it blank for upsert."
        )
    return rows


def _last_words(store: Store, delivery: Delivery, rows: Query, by: Sequence[str]) -> Query:
    """Return the rows of the last file that speaks of each `by`; refuse one that contradicts itself."""
    sql, names = store.dialect, store.dialect.listed(by)
    numbered = sql.made(
        f"SELECT *, max({FILE_ORDER}) OVER (PARTITION BY {names}) AS lc_ibis_last_file FROM {rows.rows} AS t",
        (*rows.columns, "lc_ibis_last_file"), rows,
    )  # fmt: skip
    last: Query = store.scratch(sql.select(sql.where(numbered, f"{FILE_ORDER} = lc_ibis_last_file"), rows.columns))
    both = sql.made(
        f"SELECT {names} FROM {last.rows} AS t GROUP BY {names} "
        f"HAVING count(DISTINCT CASE WHEN {OPERATION} = 'delete' THEN 1 ELSE 0 END) > 1", by, last,
    )  # fmt: skip
    if found := store.rows(sql.ordered(both, by, _SHOWN)):
        listed = ", ".join(" ".join(cut(str(value)) for value in row.values()) for row in found)
        raise ExtractError(f"{delivery.names}: the file both upserts and deletes {listed}. Remove one of the rows.")
    return last


def _name(path: Path, inputs: Path) -> str:
    return path.relative_to(inputs).as_posix() if path.is_relative_to(inputs) else path.name
