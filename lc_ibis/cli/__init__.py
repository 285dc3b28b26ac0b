"""The command line: one command a public function. Heavy modules are imported where they are used."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click
from click.core import ParameterSource

from lc_ibis import errors
from lc_ibis.cli import building, contracts, docs, interruptions, migrations, questions, reading, starting, upkeep
from lc_ibis.cli.options import Group, give_variables
from lc_ibis.cli.printing.escaping import echo, emit, readable
from lc_ibis.redaction import excepthook, redacted


class _Group(Group):
    """Print our own errors as a message; any other is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            _name_variable(error)
            # What was not understood may be a name that a shell has found.
            vars(error)["message"] = readable(redacted(error.message), lines=True)
            raise
        except errors.LcIbisError as error:
            echo(f"Error: {error}", err=True)
            if error.is_undone:
                echo("Nothing was published. Tables and files are unchanged.", err=True)
            _tell_torn(error)
            if error.report:
                echo(f"Report: {error.report}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE or interruptions.is_interruption(error):
                interruptions.over(error)
                raise
            # Of the operating system, not of the program: a name too long, a full disk.
            where = f"{error.filename}: " if error.filename else ""
            echo(redacted(f"Error: {where}{error.strerror}."), err=True)
            _tell_torn(error)
            sys.exit(1)
        except BaseException as error:  # an interruption, or a bug
            _tell_torn(error)
            interruptions.over(error)
            raise


def _name_variable(error: click.ClickException) -> None:
    """Have an error of a value name the variable that held it, in place of the option."""
    if isinstance(error, click.BadParameter) and error.ctx and isinstance(error.param, click.Option):
        source = error.ctx.get_parameter_source(error.param.name or "")
        if source is ParameterSource.ENVIRONMENT:
            error.param_hint = str(error.param.envvar)


def _tell_torn(error: BaseException) -> None:
    """Say of a build that was cut off while it published what it left."""
    if getattr(error, "is_torn", False):
        echo("Some tables may be updated and others not. The next build checks all of them.", err=True)


def _print_version(ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        ctx.invoke(version)
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
def main() -> None:
    """A lending company's table pipeline: source, staging, snapshots, intermediate, marts.

    Settings come from flags, environment variables (LC_IBIS_DATABASE for --database) and lc-ibis.toml in the current
    directory (database = "…"), in this order of precedence. Other options have environment variables too
    (LC_IBIS_QUIET for --quiet).

    Exit codes: 0, success; 1, an error in the data or the build; 2, invalid usage; 130, 143 or 129, interrupted by
    Ctrl-C, SIGTERM or SIGHUP.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names hold any letter, and a terminal need not know it.
            stream.reconfigure(errors="backslashreplace")


@main.command()
def version() -> None:
    """Print the version."""
    import lc_ibis

    emit(f"lc-ibis {lc_ibis.version()}")


def _without_colour(ctx: click.Context, _option: click.Parameter, is_plain: bool) -> None:
    if is_plain:
        ctx.find_root().color = False


def _make_plain(command: click.Command) -> None:
    """Give a command, or those of a group, the option to print plain lines."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _make_plain(inner)
    else:
        option = click.Option(
            ["--no-color"], is_flag=True, expose_value=False, is_eager=True, callback=_without_colour,
            help="Disable colour (same as setting NO_COLOR).",
        )  # fmt: skip
        command.params.append(option)


_COMMANDS = (
    starting.init, starting.doctor, starting.completion,
    building.build, building.plan, building.parity, reading.runs, reading.verify, reading.ls, reading.show,
    reading.report, reading.quarantine, reading.export, reading.test, reading.compile, reading.lint, questions.history,
    questions.diff, questions.explain, upkeep.tables, upkeep.drop, upkeep.backup, upkeep.restore,
    upkeep.compact, upkeep.redate, contracts.contract, docs.docs,
    migrations.migrate,
)  # fmt: skip
for command in _COMMANDS:
    main.add_command(command)
    _make_plain(command)
    give_variables(command)


def run() -> None:
    """Run the command line; where all is done nothing is raised, which a Databricks task would take for a failure."""
    sys.excepthook = excepthook
    with interruptions.taken():
        try:
            main(prog_name="lc-ibis")
        except BaseException as ended:
            if code := interruptions.exit_code():
                if not isinstance(ended, SystemExit):  # what was cleaned up failed too
                    with suppress(OSError):  # a terminal that is closed
                        echo("Aborted!", err=True)
                sys.exit(code)
            if not isinstance(ended, SystemExit) or ended.code:
                raise
