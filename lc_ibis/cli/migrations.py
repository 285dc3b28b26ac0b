"""The commands of a migration: plan, apply, validate, rollback, status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from lc_ibis.cli.options import PATH, THRESHOLDS, Group, options
from lc_ibis.cli.printing.escaping import emit
from lc_ibis.migrations.repairs import REPAIRS

_FROM = click.option("--from", "from_", type=PATH, help="The old database. [default: that of the phases applied]")
_PHASE = click.option(
    "--phase", "phases", type=int, multiple=True, metavar="N", help="Only phase N; may be repeated. [default: all]"
)
_LIMIT = click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Most rows to print a table or phase."
)
_WHERE = ("backend", "database", "outputs", "reports", "threads", "memory_limit")
_BUILDING = (*_WHERE, "allow_mass_delete", "max_delete_share", *THRESHOLDS, "json")


class _Columns(click.ParamType):  # type: ignore[type-arg]
    """dbt's names of columns and theirs, dbt_valid_to=valid_to,dbt_scd_id=scd_id."""

    name = "DBT=THEIRS,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not equals or not name.strip() for name, equals, _ in pairs):
            self.fail(f"{value!r}: write dbt's name, =, and the name in the old table, like dbt_valid_to=valid_to.")
        return {name.strip(): theirs.strip() for name, _, theirs in pairs}


_ADOPTING = (
    click.option(
        "--adopt-snapshots", is_flag=True, help="Take over the histories that dbt has made, with all versions and ids."
    ),
    click.option(
        "--fold-unchanged", is_flag=True,
        help="Make one of adopted versions that follow each other and differ only in when they were loaded.",
    ),
    click.option("--clean-versions", is_flag=True, help="Clean the values of adopted versions as staging does."),
    click.option(
        "--repair", "repairs", multiple=True, type=click.Choice(tuple(REPAIRS)),
        help="Repair a fault of adopted histories, each change reported; may be repeated. "
        + " ".join(f"{name}: {does}." for name, does in REPAIRS.items()),
    ),
    click.option(
        "--dbt-manifest", type=PATH, help="dbt's target/manifest.json: where histories are, how they are configured."
    ),
    click.option(
        "--snapshot-columns", type=_Columns(), help="What dbt's columns are called, like dbt_valid_to=valid_to,…"
    ),
    click.option(
        "--snapshot-timezone", metavar="ZONE", help="The zone of times without one, like Asia/Kolkata. [default: UTC]"
    ),
    click.option(
        "--data-timezone", metavar="ZONE",
        help="The zone of loaded_at, and of what dbt copied of it, where it is not that of dbt's own times.",
    ),
)  # fmt: skip


def _adopting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_ADOPTING):
        command = option(command)
    return command


@click.group(cls=Group)
def migrate() -> None:
    """Move from three layers, or from five by dbt, to these tables.

    In seven phases, each validated and reversible. The old database is opened for reading only, and the new one is made
    beside it.
    """


@migrate.command()
@_FROM
@_PHASE
@_adopting
@_LIMIT
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows that are refused or change, as CSV.")
@options(*_BUILDING)
def plan(limit: int, as_csv: bool, as_json: bool, **given: Any) -> None:
    """Say what each phase would create, rename, cast, refuse and change.

    The phases are run in scratch space: it takes as long, and writes nothing. Exit code 1 if one would fail.
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
@click.option("--drop-aliases", is_flag=True, help="Do nothing but remove the views that bear the old names.")
@options(*_BUILDING)
def apply(drop_aliases: bool, as_json: bool, **given: Any) -> None:
    """Apply phases, each validated before it counts.

    Before each, database and output files are kept beside the database, in <database>.migration. A phase that is
    applied is left alone, one that was interrupted is done again. A phase that fails leaves those before it applied.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if drop_aliases:
        if given["phases"] or given["adopt_snapshots"] or given["from_"]:
            raise click.UsageError("--drop-aliases is of a migration that is done. Leave the other options.")
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
@click.option("--checklist", is_flag=True, help="Run the list of what must be so after a migration.")
@click.option("--markdown", is_flag=True, help="With --checklist: print it as Markdown, for a ticket.")
@options(*_WHERE, "json")
def validate(limit: int, checklist: bool, markdown: bool, as_json: bool, **given: Any) -> None:
    """Validate what is applied, and compare the old marts with ours.

    Row by row and column by column, under the old names. Each difference has its reason, or is unexplained. Exit code 1
    if one is, or if a phase is not as it should be. Nothing is written.
    """
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if markdown and not checklist:
        raise click.UsageError("--markdown is a form of the checklist. Give --checklist too.")
    if checklist:
        if given.pop("phases"):
            raise click.UsageError("--checklist looks at all phases. Leave --phase.")
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
@click.option("--force", is_flag=True, help="Also where ordinary builds have run since.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options("backend", "database", "outputs", "json")
def rollback(phases: tuple[int, ...], force: bool, yes: bool, as_json: bool, **given: Any) -> None:
    """Put back what was there before a phase, or before all.

    Phases that came after it go with it. What is replaced is kept beside its place.
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
    "--changes", is_flag=True, help="Print each row and value of dbt's histories that was not adopted as it was."
)
@options("backend", "database", "json")
def status(changes: bool, as_json: bool, **given: Any) -> None:
    """Say where each phase stands: applied, interrupted, not applied."""
    from lc_ibis import migrations
    from lc_ibis.cli.printing import migrations as terminal
    from lc_ibis.files.documents import to_json

    if changes:
        made = migrations.changes(**given)
        emit(to_json([terminal.document(one) for one in made])) if as_json else terminal.changes(made)
        return
    found = migrations.status(**given)
    emit(to_json([terminal.document(one) for one in found])) if as_json else terminal.status(found)
