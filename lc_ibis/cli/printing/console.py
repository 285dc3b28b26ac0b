"""Where it is printed, and tables as wide as their values are."""

from __future__ import annotations

import os
from typing import Any

import click
from rich import console
from rich.console import RenderableType
from rich.measure import Measurement
from rich.style import Style
from rich.table import Table
from rich.text import Text

from lc_ibis.cli.printing.escaping import readable
from lc_ibis.files.documents import text_of

_WIDEST = 100_000


class Line(Text):
    """A text whose parts may come from files: what could command the terminal is written out."""

    def __init__(self, text: str = "", style: str | Style = "") -> None:
        super().__init__(readable(text), style)

    def append(self, text: Text | str, style: str | Style | None = None) -> Line:
        super().append(readable(text) if isinstance(text, str) else text, style)
        return self


class Console(console.Console):
    """Prints lines and tables for people."""

    def print(self, *parts: Any, **how: Any) -> None:
        super().print(*(readable(part, lines=True) if isinstance(part, str) else part for part in parts), **how)


def new_console() -> Console:
    # What is printed holds names and values from files: never markup.
    plain = False if _is_plain() else None
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False, force_terminal=plain)


def _is_plain() -> bool:
    """Say whether plain lines are asked for: by --no-color, or by NO_COLOR (https://no-color.org)."""
    context = click.get_current_context(silent=True)
    return bool(os.environ.get("NO_COLOR")) or (context is not None and context.find_root().color is False)


def print_whole(console: Console, table: RenderableType) -> None:
    """Print as wide as the values are: a cut balance would be worse than a wrapped line."""
    usual = console.width
    console.width = max(usual, Measurement.get(console, console.options.update(width=_WIDEST), table).maximum)
    console.print(table)
    console.width = usual


def grid_of(rows: list[dict[str, Any]]) -> Table:
    """Rows under headings in words: without_customer_count is headed "without customer"."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in rows[0]:
        heading = name.removesuffix("_count").replace("_", " ")
        grid.add_column(heading, no_wrap=True, justify="right" if name.endswith("_count") else "left")
    for row in rows:
        grid.add_row(*(f"{v:,}" if isinstance(v, int) else Line(v or "-") for v in row.values()))
    return grid


def print_grid(rows: list[dict[str, Any]]) -> None:
    """Print rows under headings, as wide as their values are."""
    print_whole(new_console(), grid_of(rows))


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Rows under the names of their columns; a null is blank."""
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(Line(column), no_wrap=True)
    for row in rows:
        table.add_row(*(Line("" if value is None else text_of(value)) for value in row.values()))
    return table
