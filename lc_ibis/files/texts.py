"""Text files, as editors of any system write them."""

from __future__ import annotations

import codecs
from pathlib import Path


class NotUtf8(ValueError):
    """A text file of another encoding; says which, where that can be told."""


def read(path: Path) -> str:
    """Return the text of a UTF-8 file, without the mark that editors on Windows put first. Raises OSError, NotUtf8."""
    found = path.read_bytes()
    # Of UTF-16 every other byte of plain letters is zero, and it mostly begins with a mark of its own.
    if found.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in found[:1000]:
        raise NotUtf8("it is UTF-16, not UTF-8; save it as UTF-8")
    try:
        return found.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"it is not UTF-8, in line {line}; save it as UTF-8") from None
