"""The one way to the terminal: what could command it, or not be seen, is written out, as \\x1b for an escape.

Values and file names come from outside. A control character among them could hide a row, or have the terminal
do something; one that turns the direction of writing, or has no width, could make a name look like another.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from lc_ibis.engine.invisible import readable

__all__ = ["Readable", "echo", "readable"]


class Readable(logging.Formatter):
    """Formats what is logged for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return readable(super().format(record), lines=True)


def echo(text: str = "", err: bool = False, **style: Any) -> None:
    """Print lines for people, as click.secho does."""
    click.secho(readable(text, lines=True), err=err, **style)
