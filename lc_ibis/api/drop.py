"""Dropping tables, so that the next build makes them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lc_ibis import project
from lc_ibis.api.backup import backup as back_up
from lc_ibis.api.backup import contents_of
from lc_ibis.api.tables import Stored, _stored
from lc_ibis.backends import opened
from lc_ibis.declare.models import Model, Snapshot, Source, TimestampStrategy
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.state.state import State
from lc_ibis.engine.state.tables import LAYER
from lc_ibis.engine.store import Store
from lc_ibis.errors import BackupError, DatabaseError, DropRefused, SelectionError, hint
from lc_ibis.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


@dataclass(frozen=True)
class Dropped:
    """The tables that were dropped, and the backup made before, if any."""

    tables: tuple[Stored, ...]
    backup: Path | None


def targets(tables: str | Sequence[str], force: bool = False, **options: Unpack[Options]) -> list[Stored]:
    """Return what drop would drop, without dropping it. Raises the same errors as drop."""
    settings = Settings.load(**options)
    with opened(settings, read_only=True) as store:
        return _targets(project.load(settings), store, State.read(store, is_whole=False), tables, force)


def drop(tables: str | Sequence[str], force: bool = False, **options: Unpack[Options]) -> Dropped:
    """Drop tables and their recorded state in one transaction. The next build rebuilds the pipeline's tables.

    Name a table as name or layer.name. Views and tables outside the pipeline can be dropped too. Tables that cannot be
    rebuilt, such as histories, are dropped only with `force`, and after a backup. `options` are the fields of Settings.
    Raises SelectionError, DropRefused, DatabaseError or BackupError, and then drops nothing.
    """
    settings = Settings.load(**options)
    pipeline = project.load(settings)
    with opened(settings, read_only=True) as store:
        state = State.read(store, is_whole=False)
        needs_backup = force and _precious(pipeline, state, _targets(pipeline, store, state, tables, force))
    backup = _backed_up(needs_backup, options) if needs_backup else None
    with opened(settings) as store:
        if store.interrupted_at:
            raise DatabaseError(f"{settings.place}: the last build was interrupted. Build first, then drop.")
        state = State.read(store, is_whole=False)
        if backup and contents_of(backup).run_id != (state.last_run[0] if state.last_run else None):
            raise DatabaseError(f"{settings.place}: a build has run since the backup {backup}. Drop again.")
        found = _targets(pipeline, store, state, tables, force)
        with store.transaction():
            for stored in found:
                if stored.status != "lost":
                    store.drop(stored.layer, stored.name)
                if stored.status != "other":
                    state.forget(stored.name, keep_files=stored.name in pipeline.models)
            if state.last_run:
                state.save(store)
    return Dropped(tuple(found), backup)


def _backed_up(reasons: dict[str, str], options: Options) -> Path:
    try:
        return back_up(**options)
    except BackupError as error:
        raise BackupError(f"{', '.join(reasons)}: not dropped, because no backup can be made first. {error}") from None


def _targets(
    pipeline: Pipeline, store: Store, state: State, tables: str | Sequence[str], force: bool
) -> list[Stored]:  # fmt: skip
    known = list(_stored(pipeline, store, state))
    names = [tables] if isinstance(tables, str) else list(tables)
    own = {name for layer, name in store.tables() if layer == LAYER}
    found = dict.fromkeys(_named(name, known, own) for name in names)
    precious = _precious(pipeline, state, found)
    if precious and not force:
        listed = "\n".join(f"  {name}: {why}" for name, why in precious.items())
        raise DropRefused(
            f"These tables cannot be rebuilt, so nothing was dropped:\n{listed}\n"
            "To drop them after a backup, use --force."
        )
    return list(found)


def _named(name: str, known: Sequence[Stored], own: Iterable[str]) -> Stored:
    """Return the one table that a name means: the pipeline's of that name, or the only other one."""
    found = [each for each in known if name in (each.name, each.full_name, _quoted(each))]
    found = [each for each in found if each.status != "other"] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise SelectionError(f"{name!r} matches {len(found)} tables. Write {' or '.join(map(_quoted, found))}.")
    if name in own or name.startswith(f"{LAYER}."):
        raise DropRefused(f"{name}: builds depend on the state, so it cannot be dropped.")
    raise SelectionError(f"No table named {name!r}.{hint(name, [each.full_name for each in known])}")


def _quoted(stored: Stored) -> str:
    """Return a name that no other table has."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in (stored.layer, stored.name))


def _precious(pipeline: Pipeline, state: State, targets: Iterable[Stored]) -> dict[str, str]:
    """Return the tables that no build can make again as they are, each with the reason."""
    reasons = {
        each.name: _why_not_again(pipeline, state, pipeline[each.name])
        if each.name in pipeline.models
        else _why_not_again_by_older_code(state, each.name)
        for each in targets
        if each.status != "other"
    }
    return {name: why for name, why in reasons.items() if why}


def _why_not_again_by_older_code(state: State, name: str) -> str | None:
    """Say why a table that the pipeline no longer knows is precious: by its contract, for its model is gone."""
    contract = state.contracts.get(name)
    if contract and contract.is_history:
        return "it is a history, and its past is stored nowhere else"
    return _why_not_received_again(state, name)


def _why_not_received_again(state: State, name: str) -> str | None:
    if any(taken.delivery == "delta" for taken in state.taken.of(name).values()):
        return "it was built from deltas, and no extract contains them all"
    return None


def _why_not_again(pipeline: Pipeline, state: State, model: Model) -> str | None:
    if isinstance(model.kind, Snapshot):
        return "it is a history, and its past is stored nowhere else"
    if not isinstance(model.kind, Source):
        return None
    if why := _why_not_received_again(state, model.name):
        return why
    stamps = {column.name for column in model.contract.columns if column.is_stamp}
    for follower in _followers(pipeline, model.name):
        if (stamp := _updated_at(follower)) in stamps:
            return f"only it stores each row's {stamp}; with new ones, {follower.name} gets a new version of every key"
    return None


def _updated_at(model: Model) -> str | None:
    """Return the column whose moving alone makes versions of a history."""
    strategy = model.kind.strategy if isinstance(model.kind, Snapshot) else None
    if isinstance(strategy, TimestampStrategy) and not strategy.is_by_value:
        return strategy.updated_at
    return None


def _followers(pipeline: Pipeline, name: str) -> Iterator[Model]:
    """Yield the models that are made from a table, near or far."""
    near = [name]
    for model in pipeline:
        if set(model.inputs) & set(near):
            near.append(model.name)
            yield model
