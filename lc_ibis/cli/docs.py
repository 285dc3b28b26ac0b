"""The commands that make the documentation of the tables."""

from __future__ import annotations

from typing import Any

import click

from lc_ibis.cli import interruptions
from lc_ibis.cli.options import PATH, TABLES, Group, options
from lc_ibis.cli.printing.escaping import echo
from lc_ibis.setting_values import is_of_kubernetes


class _Port(click.Option):
    """An option that takes no notice of the address that Kubernetes calls LC_IBIS_PORT."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = super().resolve_envvar_value(ctx)
        return None if value and is_of_kubernetes("LC_IBIS_PORT", value) else value


_SAMPLE = click.option(
    "--sample", "sample_rows", type=click.IntRange(min=0), default=0, metavar="ROWS",
    help="Show the first rows of each table. [default: none]",
)  # fmt: skip
_OPEN = click.option("--open", "is_opened", is_flag=True, help="Open the first page in a browser.")


@click.group(cls=Group)
def docs() -> None:
    """Generate documentation of the tables: lineage, columns, checks, code.

    The pages work offline.
    """


@docs.command()
@click.argument("directory", type=PATH, default="site")
@_SAMPLE
@_OPEN
@options(*TABLES, "reports")
def build(directory: Any, sample_rows: int, is_opened: bool, **given: Any) -> None:
    """Write the pages to DIRECTORY (default: site), replacing earlier pages.

    Statuses come from the last report. A database is needed only for sample rows.
    """
    from lc_ibis import site

    page = site.build(directory, sample_rows, **given)
    echo(f"wrote {page}")
    if is_opened:
        click.launch(page.resolve().as_uri())


@docs.command()
@click.option(
    "--port",
    cls=_Port,
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port; 0 picks a free one.",
)
@_SAMPLE
@_OPEN
@options(*TABLES, "reports")
def serve(port: int, sample_rows: int, is_opened: bool, **given: Any) -> None:
    """Serve the pages on this machine. Press Ctrl-C to stop."""
    from lc_ibis import site

    def ready(address: str) -> None:
        echo(f"serving {address} (press Ctrl-C to stop)")
        if is_opened:
            click.launch(address)

    site.serve(port, sample_rows, ready, **given)
    interruptions.leave()


@docs.command()
@click.argument("directory", type=PATH, default="target")
@options("models", "backend", "database", "remote", "reports")
def artifacts(directory: Any, **given: Any) -> None:
    """Write dbt's manifest.json, catalog.json and run_results.json to DIRECTORY (default: target).

    For tools that read dbt artifacts. Results come from the last report. Needs no database.
    """
    from lc_ibis import site

    for place in site.artifacts(directory, **given):
        echo(f"wrote {place}")
