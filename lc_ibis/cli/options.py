"""The options that commands share: one for each field of Settings."""

from __future__ import annotations

import logging
import sys
import typing
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal

import click

from lc_ibis.cli.printing.escaping import Readable
from lc_ibis.redaction import logger
from lc_ibis.setting_values import COMMAND_OPTIONS
from lc_ibis.settings import GROUPS, Option, Settings


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


PATH = click.Path(path_type=Path)


class SettingOption(click.Option):
    """An option that is a setting, shown among those of its group."""

    def __init__(self, *given: Any, group: str, **facts: Any):
        super().__init__(*given, **facts)
        self.group = group


class Command(click.Command):
    """A command whose help shows settings by group, after its own options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = {option: found for option in self.get_params(ctx) if (found := option.get_help_record(ctx))}
        for group in ("", *GROUPS):
            rows = [found for option, found in shown.items() if getattr(option, "group", "") == group]
            if rows:
                with formatter.section(group or "Options"):
                    formatter.write_dl(rows)


class Group(click.Group):
    """Commands of one kind."""

    command_class = Command


def command(name: str | None = None) -> Callable[[Callable[..., Any]], Command]:
    """Declare the decorated function a command."""
    return click.command(name, cls=Command)


def _of_setting(setting: Field[Any], type_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option of a field of Settings. What is not given is None: environment and file have their say."""
    told: Option = setting.metadata["option"]
    names = [f"--{setting.name.replace('_', '-')}", *([told.short] if told.short else [])]
    default = told.default or _shown(setting.default)
    facts: dict[str, Any] = {"help": told.help + (f" [default: {default}]" if default else ""), "metavar": told.metavar}
    if type_ is bool:
        facts |= {"is_flag": True, "default": None}
    elif typing.get_origin(type_) in (tuple, dict):
        facts |= {"multiple": True, "callback": _unless_empty}
    elif typing.get_origin(type_) is Literal:
        facts |= {"type": click.Choice(typing.get_args(type_))}
    else:
        kinds = {Path: PATH, float: float, int: int, str: str}
        facts |= {"type": next(kind for found, kind in kinds.items() if type_ in (found, found | None))}
    return click.option(*names, cls=SettingOption, group=told.group, **facts)


def _shown(default: Any) -> str:
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default in (None, (), False, MISSING) else str(default)


_TYPES = typing.get_type_hints(Settings)
# All settings, in the order of their groups.
SETTINGS = tuple(
    setting.name for setting in sorted(fields(Settings), key=lambda one: GROUPS.index(one.metadata["option"].group))
)
_OPTIONS = {
    **{setting.name: _of_setting(setting, _TYPES[setting.name]) for setting in fields(Settings)},
    "debug": click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_debug,
        help="Log each SQL statement with its seconds to standard error, and the plan of the slowest one. On DuckDB "
        "the plan shows what each step took.",
    ),
    "quiet": click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print warnings and errors only."),
    "json": click.option("--json", "as_json", is_flag=True, help="Print JSON."),
}  # fmt: skip
THRESHOLDS = ("warn_refused_share", "max_refused_share", "warn_error")
TABLES = ("models", "backend", "database", "master", "remote", "wait", "threads", "memory_limit")
