"""Characters in which nothing can be seen, and how they are written out for people: \\xa0, \\u200b.

Engines and libraries know different versions of Unicode, and disagree about its classes, so the set is a list of its
own: controls, formats, all white space but the space, separators, what Unicode has renderers ignore, and letters that
are blank. RE2, Java's expressions and Rust's read it alike.
"""

from __future__ import annotations

import re

# First and last of each range.
RANGES = (
    (0x0000, 0x001F),  # controls
    (0x007F, 0x00A0),  # controls, the space that does not break
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x0600, 0x0605),  # formats of Arabic numbers
    (0x061C, 0x061C),  # Arabic letter mark
    (0x06DD, 0x06DD),  # end of ayah
    (0x070F, 0x070F),  # Syriac abbreviation mark
    (0x0890, 0x0891),  # marks above Arabic pounds and piastres
    (0x08E2, 0x08E2),  # disputed end of ayah
    (0x115F, 0x1160),  # blank Hangul letters
    (0x1680, 0x1680),  # Ogham space
    (0x17B4, 0x17B5),  # Khmer vowels that are not written
    (0x180B, 0x180F),  # Mongolian variation selectors, vowel separator
    (0x2000, 0x200F),  # spaces of all widths, of none, joiners, direction marks
    (0x2028, 0x202F),  # line and paragraph separators, directions, a narrow space
    (0x205F, 0x206F),  # mathematical space, word joiner, invisible operators, directions
    (0x2800, 0x2800),  # blank Braille
    (0x3000, 0x3000),  # ideographic space
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
    (0xFFF0, 0xFFFB),  # not assigned, to be ignored; interlinear annotations
    (0x110BD, 0x110BD),  # Kaithi number sign
    (0x110CD, 0x110CD),  # Kaithi number sign above
    (0x13430, 0x1343F),  # formats of hieroglyphs
    (0x16FE4, 0x16FE4),  # Khitan filler
    (0x1BCA0, 0x1BCA3),  # formats of shorthand
    (0x1D159, 0x1D159),  # null notehead
    (0x1D173, 0x1D17A),  # formats of music
    (0xE0000, 0xE0FFF),  # tags, variation selectors
)
# Scripts need these within their words: selectors of a letter's shape, and what joins letters or keeps them apart.
_SELECTORS = ((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_JOINERS = ((0x200C, 0x200D),)


def ranges_in_pattern() -> str:
    """Return the set for the inside of a class, [...], of an engine's regular expression."""
    return "".join(rf"\x{{{first:x}}}" + (rf"-\x{{{last:x}}}" if last > first else "") for first, last in RANGES)


def _class(ranges: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)


# Halves of letters, which names of files may hold, are in no engine's text.
_INVISIBLE = f"{_class(RANGES)}\ud800-\udfff"
_LETTER = f"[^\x00-\x7f{_INVISIBLE}]"
# Such a letter with what belongs to it, or else, as a group, what is written out.
_UNSEEN = re.compile(f"{_LETTER}[{_class(_SELECTORS)}]?(?:[{_class(_JOINERS)}](?={_LETTER}))?|([{_INVISIBLE}])")


def readable(text: str, lines: bool = False) -> str:
    """Return a text with what cannot be seen, or could command a terminal, written out as Python does.

    Line ends are too, unless `lines` are wanted. What scripts need beside letters that are not ASCII's stays.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: _written_out(found[0], lines) if found[1] else found[0], text)


def _written_out(letter: str, lines: bool) -> str:
    return letter if lines and letter == "\n" else letter.encode("unicode_escape").decode("ascii")
