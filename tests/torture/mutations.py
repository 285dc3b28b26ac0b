"""Extracts as they should not be: real ones, broken in ways that the world has shown, or that nobody has thought of.

A mutation takes random numbers and the bytes of a CSV file, and returns other bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import zlib
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

SPECIAL = [
    b'"', b'""', b"\n", b"\r", b"\r\n", b",", b",,", b";", b"\t", b"\0", b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\x1b[2J",
    b"\x1a", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\", b"'", b"#", b" ", b' "', b'" ', b"\x1f",
    b"\xc2\x85", b"\xe2\x80\xa8", b"{", b"%s", b"--", b"/*", b"\x7f",
]  # fmt: skip
NASTY = [
    "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'; DROP TABLE src_customer; --", "$$", "{0}",
    '"quoted"', '""', '"', "a\nb", "a\r\nb", "a\rb", "a\0b", "\x1b[31mred\x07", "\u202egnp.exe", "\ufeff1", "NaN", "1e308",
    "9" * 400, "0x1F", "1_000", "١٢٣", "-0", "+007", "1.005", "  ", "\xa0", "null", "N/A", "None", "İ", "Σ", "ΑΣ", "😀" * 9,
    "x" * 70_000, "%n%s", "${jndi:ldap://x}", "../../etc", "[1]", "2026-01-01", "true", "yes", "\\N", "\\", "\x1f", ",", ";",
    "9223372036854775807", "9223372036854775808", "9999999999999999.99", "99999999999999999.995", "e\u0301", "\U000e0001",
]  # fmt: skip


def somewhere(rng: Random, raw: bytes) -> int:
    return rng.randrange(len(raw) + 1)


def truncated(rng: Random, raw: bytes) -> bytes:
    return raw[: somewhere(rng, raw)]


def beheaded(rng: Random, raw: bytes) -> bytes:
    return raw[somewhere(rng, raw) :]


def bits_flipped(rng: Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def bytes_put_in(rng: Random, raw: bytes) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = somewhere(rng, raw)
        what = rng.choice([rng.choice(SPECIAL), rng.randbytes(rng.choice([1, 2, 30]))])
        raw = raw[:place] + what + raw[place + rng.choice([0, 0, 1]) :]
    return raw


def span_moved(rng: Random, raw: bytes) -> bytes:
    start, end = sorted((somewhere(rng, raw), somewhere(rng, raw)))
    rest, place = raw[:start] + raw[end:], somewhere(rng, raw)
    return rng.choice([rest, rest[:place] + raw[start:end] + rest[place:], raw[:end] + raw[start:end] + raw[end:]])


def zeroed(rng: Random, raw: bytes) -> bytes:
    start, end = sorted((somewhere(rng, raw), somewhere(rng, raw)))
    return raw[:start] + bytes(end - start) + raw[end:]


def replaced(rng: Random, raw: bytes) -> bytes:
    """One kind of byte for another: delimiters, quotes, line ends."""
    one, other = rng.choice([
        (b",", b";"), (b",", b"\t"), (b",", b"|"), (b"\n", b"\r\n"), (b"\n", b"\r"), (b'"', b"'"), (b"\n", b"\n\n"),
        (b"\n", b"\0\n"), (b",", b", "), (b",", b',"'), (b'"', b""), (b"\n", b",\n"), (b"\n", b" \n"), (b",", b"\0"),
        (b"\n", b"\n\r"), (b"\n", b"\xe2\x80\xa8"), (b",", b"\xef\xbc\x8c"),
    ])  # fmt: skip
    return raw.replace(one, other, rng.choice([-1, -1, 1, 3]))


def encoded(rng: Random, raw: bytes) -> bytes:
    text = raw.decode("utf-8", "replace") + rng.choice(["", "é,ü,ß,ñ\n", "日本\n"])
    names = [
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "latin-1",
        "cp1252",
        "utf-7",
        "shift-jis",
        "cp037",
    ]
    other = text.encode(rng.choice(names), "replace")
    return rng.choice([other, other, raw + other])


def line_changed(rng: Random, raw: bytes) -> bytes:
    """Lines twice, gone, in another order, blank, or of other lengths."""
    lines = raw.split(b"\n")
    place = rng.randrange(len(lines))
    change = rng.randrange(7)
    if change == 0:
        lines[place] = rng.choice([b"", b" ", b"," * rng.choice([1, 2, 3, 9]), b"# comment", b"Total: 23 rows"])
    elif change == 1:
        lines.insert(place, lines[rng.randrange(len(lines))])
    elif change == 2:
        rng.shuffle(lines)
    elif change == 3:
        del lines[place]
    elif change == 4:
        lines[place] += rng.choice([b",", b",,", b",x", b"\r", b'"', b'""', b' "x"', b"\0"])
    elif change == 5:
        lines = [line + b"\r" if rng.random() < 0.5 else line for line in lines]
    else:
        lines = lines[:1]
    return b"\n".join(lines)


def header_changed(rng: Random, raw: bytes) -> bytes:
    header, _, rest = raw.partition(b"\n")
    names = header.split(b",")
    change = rng.randrange(8)
    if change == 0:
        names.append(rng.choice(names))
    elif change == 1:
        names += [b"c%d" % number for number in range(10_000)]
    elif change == 2:
        rng.shuffle(names)
    elif change == 3:
        names[rng.randrange(len(names))] = rng.choice(SPECIAL)
    elif change == 4:
        names = [b'"' + name + b'"' for name in names]
    elif change == 5:
        names = [name.upper() + b" " * rng.randrange(3) for name in names]
    elif change == 6:
        names[0] = b'x"; DROP TABLE src_customer; --'
    else:
        names = []
    return b",".join(names) + b"\n" + rest


def giant(rng: Random, raw: bytes) -> bytes:
    """A field of hundreds of kilobytes, or of more than a line may have; or thousands of fields."""
    size = rng.choice([100_000, 131_073, 1_000_000, 1_999_000, 2_100_000, 4_000_000])
    quote = rng.choice([b"", b'"'])
    filling = rng.choice([b"A", b"\xc3\xa9", b",", b"\n", b"\0", b'""', b"9"])
    lines = raw.split(b"\n")
    row = b"1," + quote + filling * (size // len(filling)) + quote + b",y"
    lines.insert(rng.randrange(len(lines) + 1), rng.choice([row, row, b"," * 10_000]))
    return b"\n".join(lines)


def nasty_values(rng: Random, raw: bytes) -> bytes:
    """Well-formed CSV of values that mean harm to somebody."""
    csv.field_size_limit(2**31 - 1)
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8", "replace").replace("\0", ""), newline="")))
    for row in rows[1:]:
        for place in range(len(row)):
            if rng.random() < 0.3:
                row[place] = rng.choice([*NASTY, "".join(chr(rng.randrange(1, 0x250)) for _ in range(9))])
    text = io.StringIO()
    end, quoting = rng.choice(["\n", "\r\n"]), rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(row for row in rows if row)
    return text.getvalue().encode("utf-8", "replace")


def something_else(rng: Random, raw: bytes) -> bytes:
    """No extract at all: what lies in a directory by mistake."""
    return rng.choice([
        b"", b"\n", b"\0" * 4096, b"\xef\xbb\xbf", b"<html><body>503 Service Unavailable</body></html>", b'{"error": 1}',
        b"PK\x03\x04" + rng.randbytes(200), b"PAR1" + rng.randbytes(100) + b"PAR1", rng.randbytes(rng.randrange(5000)),
        zlib.compress(raw), gzip.compress(raw), b"\x1f\x8b", b"%PDF-1.4\n", b"SQLite format 3\0", b'"', b",", b"\r",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", b"sep=;\n" + raw, b"[]", b"null",
    ])  # fmt: skip


def rows_as_they_are(rng: Random, raw: bytes) -> bytes:
    """Sound: a few of the rows, in another order, so that some builds have to succeed."""
    lines = [line for line in raw.split(b"\n")[1:] if line]
    return b"\n".join(
        [raw.split(b"\n")[0], *rng.sample(lines, rng.randint(1, max(len(lines), 1)) if lines else 0), b""]
    )


MUTATIONS: list[Mutation] = [
    truncated, beheaded, bits_flipped, bits_flipped, bytes_put_in, bytes_put_in, bytes_put_in, span_moved, zeroed,
    replaced, replaced, encoded, line_changed, line_changed, line_changed, header_changed, nasty_values, nasty_values,
    nasty_values, rows_as_they_are, something_else,
]  # fmt: skip


def mutated(rng: Random, raw: bytes) -> bytes:
    """Break the bytes in one way or a few."""
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        # What is large takes long, and teaches no more for being tried often.
        raw = giant(rng, raw) if rng.random() < 0.01 else rng.choice(MUTATIONS)(rng, raw)
    return raw


def numbers(seed: int, run: int) -> Random:
    """Return the random numbers of one run, the same again for the same seed."""
    return random.Random(f"{seed}:{run}")
