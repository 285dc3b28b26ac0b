"""Two ways out: for people, where what could command a terminal, or not be seen, is written out, as \\x1b for an
escape; and for programs, as it is and in UTF-8.

Values and file names come from outside. A control character among them could hide a row, or have the terminal
do something; one that turns the direction of writing, or has no width, could make a name look like another.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from lc_ibis.declare.invisible import readable

__all__ = ["Readable", "echo", "emit", "readable"]


class Readable(logging.Formatter):
    """Formats what is logged for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return readable(super().format(record), lines=True)


def echo(text: str = "", err: bool = False, **style: Any) -> None:
    """Print lines for people, as click.secho does."""
    click.secho(readable(text, lines=True), err=err, **style)


def emit(text: str, nl: bool = True) -> None:
    """Print a document for programs, in UTF-8 whatever the encoding of standard output is, its line ends as they are.

    Of a file name that is not UTF-8, bytes are written out, as \\udcff, which JSON reads as they were.
    """
    text += "\n" if nl else ""
    # A notebook's standard output has no bytes below it; it takes any letter.
    is_of_bytes = getattr(sys.stdout, "buffer", None) is not None
    click.echo(text.encode("utf-8", "backslashreplace") if is_of_bytes else text, nl=False, color=True)
