"""The one way to the terminal: what could command it is written out, as \\x1b for the escape character.

Values and file names come from outside. A control character among them could hide a row, or have the terminal
do something; one that turns the direction of writing could make a name look like another.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import Any

import click

# Controls, formats (directions of writing, marks of no width), halves of letters, other line and paragraph ends.
_COMMANDING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Two marks of no width join letters of real names, or keep them apart.
_JOINERS = "\u200c\u200d"


def readable(text: str, lines: bool = False) -> str:
    """Return a text with all that could command a terminal written out; line ends too, unless `lines` are wanted."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(letter, lines) for letter in text)


def _written_out(letter: str, lines: bool) -> str:
    if unicodedata.category(letter) not in _COMMANDING or letter in _JOINERS or (lines and letter == "\n"):
        return letter
    return letter.encode("unicode_escape").decode("ascii")


class Readable(logging.Formatter):
    """Formats what is logged for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return readable(super().format(record), lines=True)


def echo(text: str = "", err: bool = False, **style: Any) -> None:
    """Print lines for people, as click.secho does."""
    click.secho(readable(text, lines=True), err=err, **style)
