"""The commands with which one begins: a project, whether all is fine, and completion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.options import PATH, TABLES, command, options
from lc_ibis.cli.printing.escaping import emit


@command()
@click.argument("directory", type=PATH)
@options("json")
def init(directory: Path, as_json: bool) -> None:
    """Create a project in a new DIRECTORY, with settings and two days of sample extracts."""
    from lc_ibis.api.init import init
    from lc_ibis.cli.printing import starting as terminal
    from lc_ibis.files.documents import to_json

    place = init(directory)
    emit(to_json({"directory": str(place)})) if as_json else terminal.made(place)


@command()
@options(*TABLES, "inputs", "outputs", "reports", "source", "delivery", "json")
def doctor(as_json: bool, **given: Any) -> None:
    """Check the installation and the project, and say how to fix problems.

    Checks Python, packages, Java, settings, extracts, directories, disk space, credentials, the database and its last
    verify. Writes nothing. Exit code 1 if there is a problem.
    """
    from dataclasses import asdict

    from lc_ibis.api.doctor import doctor
    from lc_ibis.cli.printing import starting as terminal
    from lc_ibis.files.documents import to_json

    found = doctor(**given)
    emit(to_json([asdict(one) for one in found])) if as_json else terminal.examined(found)
    sys.exit(1 if any(one.status == "fail" for one in found) else 0)


@command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a SHELL.

    For bash, run lc-ibis completion bash > ~/.lc-ibis.bash and add to ~/.bashrc: source ~/.lc-ibis.bash
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind
    emit(kind(ctx.find_root().command, {}, "lc-ibis", "_LC_IBIS_COMPLETE").source())
