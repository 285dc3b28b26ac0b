"""The commands of a migration: plan, apply, validate, rollback, status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from lc_ibis.cli.options import PATH, THRESHOLDS, Group, options
from lc_ibis.cli.printing.escaping import emit
from lc_ibis.migrations.repairs import REPAIRS

_FROM = click.option(
    "--from", "from_", type=PATH, help="The old database. [default: the one used by the phases applied so far]"
)
_PHASE = click.option(
    "--phase", "phases", type=int, multiple=True, metavar="N", help="Only phase N. Can be repeated. [default: all]"
)
_LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Maximum rows to print per table or phase.",
)
_WHERE = ("backend", "database", "outputs", "reports", "threads", "memory_limit")
_BUILDING = (*_WHERE, "allow_mass_delete", "max_delete_share", *THRESHOLDS, "json")


class _Columns(click.ParamType):  # type: ignore[type-arg]
    """dbt's names of columns and theirs, dbt_valid_to=valid_to,dbt_scd_id=scd_id."""

    name = "DBT=THEIRS,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not equals or not name.strip() for name, equals, _ in pairs):
            self.fail(f"{value!r} is not DBT=THEIRS: dbt's name and the old table's, like dbt_valid_to=valid_to.")
        return {name.strip(): theirs.strip() for name, _, theirs in pairs}


_ADOPTING = (
    click.option(
        "--adopt-snapshots", is_flag=True, help="Adopt the histories in dbt's snapshots, with all versions and ids."
    ),
    click.option(
        "--fold-unchanged", is_flag=True,
        help="Merge adjacent adopted versions that differ only in their load time.",
    ),
    click.option("--clean-versions", is_flag=True, help="Clean the values of adopted versions as staging does."),
    click.option(
        "--repair", "repairs", multiple=True, type=click.Choice(tuple(REPAIRS)),
        help="Repair a fault in adopted histories. Each change is reported. Can be repeated. "
        + " ".join(f"{name}: {does}." for name, does in REPAIRS.items()),
    ),
    click.option(
        "--dbt-manifest", type=PATH,
        help="dbt's target/manifest.json, which says where snapshots are and how they are configured."
    ),
    click.option(
        "--snapshot-columns", type=_Columns(),
        help="Names of dbt's columns in the old tables, like dbt_valid_to=valid_to,…"
    ),
    click.option(
        "--snapshot-timezone", metavar="ZONE", help="Time zone of times without one, like Asia/Kolkata. [default: UTC]"
    ),
    click.option(
        "--data-timezone", metavar="ZONE",
        help="Time zone of loaded_at and its copies, if it differs from that of dbt's own times.",
    ),
)  # fmt: skip


def _adopting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_ADOPTING):
        command = option(command)
    return command


@click.group(cls=Group)
def migrate() -> None:
    """Migrate from the three-layer pipeline or the five-layer dbt project.

    There are seven phases; each is validated and can be rolled back. The old database is opened read-only, and a new
    one is created beside it.
    """


@migrate.command()
@_FROM
@_PHASE
@_adopting
@_LIMIT
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows that are refused or changed, as CSV.")
@options(*_BUILDING)
def plan(limit: int, as_csv: bool, as_json: bool, **given: Any) -> None:
    """Show what each phase would create, rename, cast, refuse and change.

    Runs the phases in a temporary directory. It takes as long as applying them and changes nothing. Exit code 1 if a
    phase would fail.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_csv, to_json

    shown = not (as_csv or as_json)
    planned = migrations.plan(progress=terminal.planned(limit) if shown else None, **given)
    if as_json:
        emit(to_json([terminal.document(phase) for phase in planned]))
    elif as_csv:
        rows = [{"phase": phase.phase, **terminal.flat(row)} for phase in planned for row in phase.rows]
        emit(to_csv(rows), nl=False)
    sys.exit(1 if any(phase.error for phase in planned) else 0)


@migrate.command()
@_FROM
@_PHASE
@_adopting
@click.option("--drop-aliases", is_flag=True, help="Only drop the views that keep the old names.")
@options(*_BUILDING)
def apply(drop_aliases: bool, as_json: bool, **given: Any) -> None:
    """Apply phases and validate each one.

    Before each phase, the database and its output files are copied to <database>.migration, beside the database.
    Applied phases are skipped; an interrupted phase is run again. If a phase fails, the ones before it stay applied.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if drop_aliases:
        if given["phases"] or given["adopt_snapshots"] or given["from_"]:
            raise click.UsageError("--drop-aliases works on a finished migration. Remove the other options.")
        where = {name: given[name] for name in _WHERE}
        dropped = migrations.drop_aliases(**where)
        emit(to_json(dropped)) if as_json else terminal.dropped(dropped)
        return
    done = migrations.apply(progress=None if as_json else terminal.phase_done, **given)
    emit(to_json([terminal.document(one) for one in done])) if as_json else terminal.applied(done, given["database"])


@migrate.command()
@_FROM
@_PHASE
@_LIMIT
@click.option("--checklist", is_flag=True, help="Run the checklist for a finished migration.")
@click.option("--markdown", is_flag=True, help="With --checklist: print it as Markdown, for example for a ticket.")
@options(*_WHERE, "json")
def validate(limit: int, checklist: bool, markdown: bool, as_json: bool, **given: Any) -> None:
    """Validate the applied phases and compare the old marts with the new.

    Compares row by row and column by column, under the old names. Each difference is explained or counted as
    unexplained. Exit code 1 if one is unexplained or a phase is invalid. Writes nothing.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if markdown and not checklist:
        raise click.UsageError("--markdown needs --checklist. Add it.")
    if checklist:
        if given.pop("phases"):
            raise click.UsageError("--checklist checks all phases. Remove --phase.")
        listed = migrations.checklist(**given)
        if as_json:
            emit(to_json(terminal.document(listed)))
        else:
            terminal.checklist(listed, markdown)
        sys.exit(0 if listed.is_passed else 1)
    found = migrations.validate(**given)
    if as_json:
        emit(to_json(terminal.document(found) | {"is_valid": found.is_valid}))
    else:
        terminal.validated(found, limit)
    sys.exit(0 if found.is_valid else 1)


@migrate.command()
@_PHASE
@click.option("--force", is_flag=True, help="Roll back even if builds have run since. Their changes are lost.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@options("backend", "database", "outputs", "json")
def rollback(phases: tuple[int, ...], force: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Roll back to the state before a phase, or before all phases.

    Later phases are rolled back too. What is replaced is kept beside it.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    going = migrations.going(phases, **given)
    if going and not yes:
        click.confirm(terminal.question(going, phases), abort=True, err=as_json)
    done = migrations.rollback(phases, force, **given)
    if as_json:
        emit(to_json([terminal.document(one) for one in done]))
    else:
        terminal.rolled_back(done)


@migrate.command()
@click.option(
    "--changes", is_flag=True, help="Print each row and value of dbt's snapshots that was changed on adoption."
)
@options("backend", "database", "json")
def status(changes: bool, as_json: bool, **given: Any) -> None:
    """Show the status of each phase: applied, interrupted or not applied."""
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if changes:
        made = migrations.changes(**given)
        emit(to_json([terminal.document(one) for one in made])) if as_json else terminal.changes(made)
        return
    found = migrations.status(**given)
    emit(to_json([terminal.document(one) for one in found])) if as_json else terminal.status(found)
