"""Validate a migration: each applied phase by itself, and the old marts against ours."""

from __future__ import annotations

from dataclasses import dataclass

from lc_ibis.backends import opened
from lc_ibis.engine.store import Store
from lc_ibis.migrations import adopted, record
from lc_ibis.migrations.comparing import Comparison, Explain, Pair, compare
from lc_ibis.migrations.explaining import accounts
from lc_ibis.migrations.facts import Facts, Sides, read
from lc_ibis.migrations.migration import Migration
from lc_ibis.migrations.names import MARTS, OldTable, old_tables
from lc_ibis.migrations.phases import PHASES, Phase, failing
from lc_ibis.migrations.profiles import profiles
from lc_ibis.migrations.running import foreign_runs

SUMMARY, PROFILE = "account_summary", "customer_profile"


@dataclass(frozen=True)
class PhaseProblems:
    """An applied phase, and what is wrong with it."""

    phase: int
    name: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """What a validation found; `notes` say what its reader must know."""

    phases: tuple[PhaseProblems, ...]
    tables: tuple[Comparison, ...]
    notes: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Say whether every applied phase is as it should be, and every difference explained."""
        return not any(p.problems for p in self.phases) and not any(t.unexplained for t in self.tables)


def validate(migration: Migration, phases: list[Phase]) -> Validation:
    """Validate the chosen phases that are applied, and compare marts once phase 4 is. Raises LcIbisError."""
    records = {r.phase: r for r in record.recorded(migration.settings)}
    checked = [phase for phase in phases if phase.number in records]
    runs = foreign_runs(migration.settings, [PHASES[number - 1] for number in sorted(records)], records)
    found = [PhaseProblems(p.number, p.name, tuple(_problems(migration, p, bool(runs)))) for p in checked]
    notes = []
    if 1 in records and records[1].source_sha256 != migration.source.sha256:
        notes.append("The old database has changed since phase 1 loaded its rows, which can cause differences.")
    if runs:
        notes.append(f"{len(runs)} builds have run since, and their extracts can cause differences.")
    if 4 not in records:
        notes.append("The marts are compared after phase 4 is applied.")
    tables = marts(migration) if 4 in {p.number for p in checked} else ()
    return Validation(tuple(found), tables, tuple(notes))


def _problems(migration: Migration, phase: Phase, has_builds: bool) -> list[str]:
    """Return what is wrong with a phase; builds since have received other rows than the old database has."""
    return failing(migration, phase.layers) if has_builds and phase.number == 1 else phase.problems(migration)


def marts(migration: Migration) -> tuple[Comparison, ...]:
    """Compare the old marts that are there with ours."""
    old = migration.source
    tables = old_tables(old, migration.pipeline)
    found = []
    seen: list[Pair] = []
    unexplained: set[str] = set()
    with opened(migration.settings, read_only=True) as store:

        def of_accounts(pairs: list[Pair]) -> Explain:
            seen.extend(pairs)
            return accounts(_facts(migration, store, tables, pairs, set()))

        def of_profiles(pairs: list[Pair]) -> Explain:
            return profiles(_facts(migration, store, tables, seen, {p.key for p in pairs}), seen, unexplained)

        for name, explain in ((SUMMARY, of_accounts), (PROFILE, of_profiles)):
            table = next((t for t in tables if t.schema == MARTS and t.model == name), None)
            if table and old.relation(table.schema, table.name):
                found.append(compare(old, store, migration.pipeline, table, explain))
                unexplained |= {difference.key for difference in found[-1].unexplained}
    return tuple(found)


def _facts(
    migration: Migration, store: Store, tables: tuple[OldTable, ...], pairs: list[Pair], customers: set[int]
) -> Facts:
    keys = {str(pair.key) for pair in pairs if pair.key is not None}
    owners = {row["customer_id"] for pair in pairs for row in (pair.old, pair.new) if row and row["customer_id"]}
    sides = Sides(store, migration.pipeline, migration.source, tables, adopted.as_read(migration, store))
    return read(sides, keys, customers | owners)
