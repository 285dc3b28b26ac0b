"""The options that commands share: one for each field of Settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lc_ibis.cli.printing.escaping import Readable
from lc_ibis.redaction import logger
from lc_ibis.settings import BACKENDS, COMMAND_OPTIONS, DELIVERIES, Settings


def options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return add


def _unless_empty(_ctx: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """What was not given is None, so that environment and file have their say."""
    return values or None


def _debug(_ctx: click.Context, _option: click.Parameter, is_on: bool) -> None:
    if is_on:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Readable("%(message)s"))
        log = logger("lc_ibis")
        log.handlers = [handler]
        log.setLevel(logging.DEBUG)


def give_variables(command: click.Command) -> None:
    """Let the options of a command, or of those of a group, be told by variables; those of Settings are read there."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            give_variables(inner)
    for option in command.params:
        if isinstance(option, click.Option) and (name := word_of(option)) in COMMAND_OPTIONS:
            option.envvar = f"LC_IBIS_{name.upper()}"


def word_of(option: click.Option) -> str:
    """Return the name of an option as variables have it: no_color of --no-color."""
    return max(option.opts, key=len).removeprefix("--").replace("-", "_")


AGES = ("warn_file_age", "max_file_age", "warn_data_age", "max_data_age")
_STALE = {
    "warn": "Warn where", "max": "Publish nothing where", "file": "the files of a source are older.",
    "data": "the rows of a source have not changed for so long.",
}  # fmt: skip
PATH = click.Path(path_type=Path)
_OPTIONS = {
    "models": click.option(
        "--models", multiple=True, callback=_unless_empty, metavar="PACKAGE",
        help="A package whose models join ours, installed or in the current directory; may be repeated.",
    ),
    "backend": click.option("--backend", help=f"Where tables live: {' or '.join(BACKENDS)}."),
    "database": click.option(
        "--database", type=PATH,
        help="DuckDB's database file, the directory of Spark's tables, or catalog.prefix of Delta tables' schemas. "
        f"[default: {' or '.join(map(str, BACKENDS.values()))}]",
    ),
    "master": click.option(
        "--master", metavar="URL", help="The Spark cluster, like spark://host:7077. [default: this machine]"
    ),
    "remote": click.option("--remote", metavar="URL", help="A Spark Connect server, like sc://host:15002."),
    "inputs": click.option("--inputs", type=PATH, help=f"Directory of the extracts. [default: {Settings.inputs}]"),
    "outputs": click.option("--outputs", type=PATH, help=f"Directory of output files. [default: {Settings.outputs}]"),
    "publish": click.option(
        "--publish", type=PATH, metavar="FILE",
        help="Put a copy of the database here once it is published, for readers: it can be opened while builds run.",
    ),
    "partitioned": click.option(
        "--partitioned", is_flag=True, default=None,
        help="Write each output as a directory of Parquet files, in place of one CSV and one Parquet file.",
    ),
    "neutralise_formulas": click.option(
        "--neutralise-formulas", is_flag=True, default=None,
        help="In CSV, put an apostrophe before texts that a spreadsheet would take for formulas: those that begin "
        "with =, +, -, @, tab or carriage return.",
    ),
    "reports": click.option(
        "--reports", type=PATH, help=f"Directory of quality reports. [default: {Settings.reports}]"
    ),
    "source": click.option(
        "--source", multiple=True, callback=_unless_empty, metavar="NAME=GLOB",
        help="Files of a source, by pattern below the inputs: src_account='accounts/2026-*.csv.gz'.",
    ),
    "delivery": click.option(
        "--delivery", type=click.Choice(DELIVERIES),
        help="full: each file is the whole extract. delta: it holds only what changed, with a column _op "
        "(upsert, delete; blank is upsert). [default: full]",
    ),
    "select": click.option(
        "--select", "-s", multiple=True, callback=_unless_empty, metavar="TERM",
        help="Tables, layers or patterns; +NAME what it is made from, NAME+ what is made from it.",
    ),
    "exclude": click.option(
        "--exclude", multiple=True, callback=_unless_empty, metavar="TERM", help="Leave these out; as --select."
    ),
    "full_refresh": click.option(
        "--full-refresh", is_flag=True, default=None, help="Compute every table anew. History stays."
    ),
    "verify": click.option(
        "--verify", is_flag=True, default=None, help="Before publishing, compare every table with the same made anew."
    ),
    "verify_sample": click.option(
        "--verify-sample", type=int, metavar="N",
        help="Before publishing, compare N keys of each table that is computed by key with the same made anew.",
    ),
    "allow_mass_delete": click.option(
        "--allow-mass-delete", is_flag=True, default=None,
        help="Believe an extract from which more than the usual share of keys is gone.",
    ),
    "allow_replay": click.option(
        "--allow-replay", is_flag=True, default=None,
        help="Take a file again that was taken before, after another has been taken since.",
    ),
    "max_delete_share": click.option(
        "--max-delete-share", type=float,
        help=f"Share of current keys that may be gone at once. [default: {Settings.max_delete_share}]",
    ),
    "warn_refused_share": click.option(
        "--warn-refused-share", type=float,
        help=f"Warn where more of a source's rows are refused. [default: {Settings.warn_refused_share}]",
    ),
    "max_refused_share": click.option(
        "--max-refused-share", type=float,
        help=f"Publish nothing where more of a source's rows are refused. [default: {Settings.max_refused_share}]",
    ),
    "warn_jump_factor": click.option(
        "--warn-jump-factor", type=float, metavar="FACTOR",
        help="Warn where a load brings this many times as many new, or refused, rows of a source as loads before. "
        f"[default: {Settings.warn_jump_factor:g}]",
    ),
    "keep_history": click.option(
        "--keep-history", metavar="PERIOD",
        help="Let versions go that ended longer ago: 90d, 8w, 18m or 7y. Current ones stay. [default: all stay]",
    ),
    "store_failures": click.option(
        "--store-failures", is_flag=True, default=None,
        help="Keep the rows that break checks in the database, whether or not the build publishes anything.",
    ),
    "warn_error": click.option("--warn-error", is_flag=True, default=None, help="Treat warnings as errors."),
    **{
        name: click.option(
            f"--{name.replace('_', '-')}", type=float, metavar="HOURS",
            help=f"{_STALE[name.split('_')[0]]} {_STALE[name.split('_')[1]]} [default: never]",
        )
        for name in AGES
    },
    "notify": click.option(
        "--notify", metavar="TARGET",
        help="If the build fails, post JSON to this http(s) address, or run this command with it as input.",
    ),
    "notify_values": click.option(
        "--notify-values", is_flag=True, default=None, help="Tell also the error's words and values of failing rows."
    ),
    "openlineage": click.option(
        "--openlineage", metavar="TARGET",
        help="Tell this file, or http(s) address, of the build, as OpenLineage events; no values.",
    ),
    "wait": click.option(
        "--wait", type=float, metavar="SECONDS",
        help="Wait so long for another process that has the database open. [default: 0]",
    ),
    "threads": click.option("--threads", type=int, help="Threads of the engine. [default: all cores]"),
    "memory_limit": click.option(
        "--memory-limit",
        help="Memory of the engine, like 1GB; what does not fit goes to disk. "
        "[default: 1500MB for duckdb; Spark's own for spark]",
    ),
    "debug": click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_debug,
        help="Log to standard error: each SQL statement with its seconds, and the plan of the slowest; on DuckDB with "
        "what each part of it took.",
    ),
    "quiet": click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print warnings and errors only."),
    "json": click.option("--json", "as_json", is_flag=True, help="Print JSON instead."),
}  # fmt: skip
THRESHOLDS = ("warn_refused_share", "max_refused_share", "warn_error")
TABLES = ("models", "backend", "database", "master", "remote", "wait", "threads", "memory_limit")
