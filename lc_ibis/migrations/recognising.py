"""Recognise the histories by dbt in an old database: from dbt's manifest, from what is given, or from their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lc_ibis.backends.duckdb.text import quoted
from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import MigrationError
from lc_ibis.migrations import far_ends, zones
from lc_ibis.migrations.dbt_manifest import Configured, snapshots
from lc_ibis.migrations.histories import CLEANING, IS_DELETED, META, TIMES, ZONED, History
from lc_ibis.migrations.migration import Adoption
from lc_ibis.migrations.old import OldDatabase, Relation

_SCHEMA = "snapshots"
_PLAIN = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE")
_SHOWN = 5


def histories(
    old: OldDatabase, pipeline: Pipeline, adoption: Adoption, names: Iterable[str] = tuple(CLEANING)
) -> dict[str, History]:
    """Return dbt's histories by the names of ours. Raises MigrationError where one is missing or not to be read."""
    configured = _configured(pipeline, adoption, names)
    zones.refuse_unknown(old, adoption)
    known = {*META, IS_DELETED, *(n for name in CLEANING for n in pipeline[name].contract.schema().names)}
    if wrong := [name for name, _ in adoption.columns if name.rpartition(".")[2] not in known]:
        raise MigrationError(f"--snapshot-columns: neither dbt nor the new histories have a column {', '.join(wrong)}.")
    if empty := [name for name, there in adoption.columns if not there and name.rpartition(".")[2] != IS_DELETED]:
        raise MigrationError(
            f"--snapshot-columns {empty[0]}=: name the column. Only {IS_DELETED} may be empty, if deletions are "
            "not marked."
        )
    found = {name: _history(old, pipeline[name], adoption, configured.get(name)) for name in names}
    missing = [name for name, history in found.items() if history is None]
    if missing:
        raise MigrationError(
            f"{old.path}: there is no history to adopt as {' and none as '.join(missing)}. Looked for tables of "
            f"these names, in {_SCHEMA} and then in all schemas. If they lie in another database file, ATTACH both and "
            "copy them: CREATE TABLE snapshots.snap_customer AS FROM …. If they have other names, use "
            "--dbt-manifest target/manifest.json. Without --adopt-snapshots, histories start with the rows received."
        )
    unused = [
        f"{n}={there}"
        for n, there in adoption.columns
        if there and not any(h and n.rpartition(".")[2] in h.columns for h in found.values())
    ]
    if unused:
        raise MigrationError(f"--snapshot-columns: no history has a column {', '.join(unused)}.")
    return {name: history for name, history in found.items() if history}


def _configured(pipeline: Pipeline, adoption: Adoption, names: Iterable[str]) -> dict[str, Configured]:
    """Return what the manifest says of each history: by our name, by its table's, or as the only one with our key."""
    if not adoption.manifest:
        return {}
    there = snapshots(adoption.manifest)
    found = {}
    for name in names:
        aliased = [one for one in there.values() if one.name == name]
        with_key = [one for one in there.values() if one.key == pipeline[name].business_key]
        if one := there.get(name) or next(iter(aliased), None) or (with_key[0] if len(with_key) == 1 else None):
            found[name] = one
            continue
        raise MigrationError(
            f"--dbt-manifest {adoption.manifest}: it has no snapshot {name}, nor one with the key "
            f"{', '.join(pipeline[name].business_key)}; it has {', '.join(there) or 'none'}. Is it from this project?"
        )
    return found


def _given(adoption: Adoption, model: str) -> dict[str, str]:
    """Return the names that are given for a history: those of all, and its own, as snap_customer.dbt_valid_to."""
    of_all = {name: there for name, there in adoption.columns if "." not in name}
    own = {name.rpartition(".")[2]: there for name, there in adoption.columns if name.rpartition(".")[0] == model}
    return of_all | own


def _history(old: OldDatabase, model: Model, adoption: Adoption, configured: Configured | None) -> History | None:
    relation = _place(old, model.name, configured)
    if relation is None:
        return None
    notes = []
    if (relation.schema, relation.name) != (_SCHEMA, model.name):
        notes.append(
            f"{relation} is recognized as the history {model.name}" + (" (by the manifest)" if configured else "")
        )
    named = {name: (configured.columns if configured else {}).get(name, name) for name in (*META, IS_DELETED)}
    given = _given(adoption, model.name)
    columns = _columns(old, model, relation, named | given)
    _refuse_unknown(old, relation, columns, given)
    if renamed := [f"{there} is {name}" for name, there in columns.items() if name in named and there != name]:
        notes.append(f"{relation}: {', '.join(renamed)}")
    left = [name for name in relation.columns if name not in columns.values() and not _is_known(name)]
    if left:
        notes.append(f"{relation}: {', '.join(left)} is not migrated; {model.name} has no such column.")
    history = History(
        model.name, relation, columns, zone=adoption.timezone, data_zone=adoption.data_timezone or adoption.timezone,
        whole_name=old.sql(relation),
    )  # fmt: skip
    _refuse_types(old, history)
    _refuse_marks(old, history)
    far_end = far_ends.recognised(old, history, configured.valid_to_current if configured else None, bool(configured))
    notes += [*_said(configured), *zones.notes(old, history)]
    if far_end is not None:
        notes.append(f"{relation}: versions that end at {far_end} are open")
    if IS_DELETED in columns:
        notes.append(f"{relation}: rows with {columns[IS_DELETED]} mark a deleted key and are not versions")
    return replace(history, far_end=far_end, notes=tuple(notes))


def _place(old: OldDatabase, name: str, configured: Configured | None) -> Relation | None:
    """Return the history's table: the manifest's, that of dbt's old default schema, or the only one of its name."""
    if configured:
        place = (configured.schema.lower(), configured.name.lower())
        for there in old.relations.values():
            if (there.schema.lower(), there.name.lower()) == place:
                return there
        raise MigrationError(
            f"{old.path}: the manifest has the history {name} in {configured.place}, and this file has no "
            f"{configured.schema}.{configured.name}. Is it of another target, or in another database file? Run dbt "
            "parse for this target, or copy the table into this file."
        )
    if relation := old.relation(_SCHEMA, name):
        return relation
    named = [r for r in old.relations.values() if r.name.lower() == name]
    found = [r for r in named if "dbt_scd_id" in r.columns] or named
    if len(found) > 1:
        raise MigrationError(
            f"{old.path}: {' and '.join(map(str, found))} could both be the history {name}. Choose one with "
            "--dbt-manifest."
        )
    return found[0] if found else None


def _columns(old: OldDatabase, model: Model, relation: Relation, named: Mapping[str, str]) -> dict[str, str]:
    """Return the table's columns by our names and dbt's. Raises MigrationError, naming those that are missing."""
    origins = CLEANING[model.name][1]
    found = {}
    for name in (*model.contract.schema().names, IS_DELETED):
        wanted = named.get(name, name)
        there = [c for c in relation.columns if c.lower() == wanted.lower()]
        if not there and name in origins and name not in named:
            there = [c for c in relation.columns if c.lower() == origins[name]]
        if there:
            found[name] = there[0]
        elif name != IS_DELETED:
            found[name] = ""
    if missing := [f"{n} (as {named[n]})" if named.get(n, n) != n else n for n, there in found.items() if not there]:
        wanted = ",".join(f"{name.split()[0]}={_alike(relation, name.split()[0])}" for name in missing)
        raise MigrationError(
            f"{old.path}: {relation} has no {', '.join(missing)}, which {model.name} needs; it has "
            f"{', '.join(relation.columns)}. Name them with --snapshot-columns {wanted}, or use --dbt-manifest."
        )
    return found


def _alike(relation: Relation, name: str) -> str:
    """Return the column that may be meant by a name of dbt's: the same without dbt_; else a word for it."""
    return next((c for c in relation.columns if c.lower() == name.removeprefix("dbt_")), "NAME")


def _is_known(name: str) -> bool:
    """Say whether a column of dbt's says nothing of the row: its key once more."""
    return name.lower() == "dbt_unique_key" or name.lower().startswith("dbt_unique_key_")


def _refuse_unknown(old: OldDatabase, relation: Relation, columns: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Refuse columns that may change what a row means."""
    left = [name for name in relation.columns if name not in columns.values() and not _is_known(name)]
    unknown = [name for name in left if name.lower().startswith("dbt_") and name.lower() not in given]
    if unknown:
        raise MigrationError(
            f"{old.path}: {relation} has {', '.join(unknown)}, an unknown dbt column that can change what a row means. "
            "The history was not adopted."
        )
    marks = [name for name in left if "delet" in name.lower() or _is_mark(old, relation, name)]
    if marks and IS_DELETED not in columns and IS_DELETED not in given:
        raise MigrationError(
            f"{old.path}: {relation} has {marks[0]}. If dbt marks deletions there, use --snapshot-columns "
            f"{IS_DELETED}={marks[0]}; if not, --snapshot-columns {IS_DELETED}= (nothing after it)."
        )


def _is_mark(old: OldDatabase, relation: Relation, name: str) -> bool:
    """Say whether a column holds nothing but the texts that dbt marks deletions with."""
    if relation.columns[name] != "VARCHAR":
        return False
    others = f"count(*) FILTER ({quoted(name)} NOT IN ('True', 'False'))"
    [(count, other_count)] = old.rows(f"SELECT count({quoted(name)}), {others} FROM {old.sql(relation)}")
    return bool(count and not other_count)


def _refuse_types(old: OldDatabase, history: History) -> None:
    times = [name for name in (*TIMES, "loaded_at") if name in history.columns]
    types = {name: history.relation.columns[history.columns[name]] for name in times}
    if wrong := [
        f"{history.columns[name]} is {type_}" for name, type_ in types.items() if type_ not in (ZONED, *_PLAIN)
    ]:
        raise MigrationError(f"{old.path}: {history.relation}: {', '.join(wrong)}, not a time.")


def _refuse_marks(old: OldDatabase, history: History) -> None:
    if IS_DELETED not in history.columns:
        return
    column = quoted(history.columns[IS_DELETED])
    values = old.rows(
        f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM {old.sql(history.relation)} "
        f"WHERE lower(CAST({column} AS VARCHAR)) NOT IN ('true', 'false') LIMIT {_SHOWN}"
    )
    if values:
        shown = ", ".join(repr(value) for (value,) in values)
        raise MigrationError(
            f"{old.path}: {history.relation}.{history.columns[IS_DELETED]} holds {shown}; dbt writes True and False "
            f"there. If it does not mark deletions, use --snapshot-columns {IS_DELETED}= (nothing after it)."
        )


def _said(configured: Configured | None) -> list[str]:
    return [f"{configured.schema}.{configured.name}: {configured.said} (by the manifest)"] if configured else []
