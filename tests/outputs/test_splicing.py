"""A spliced file is, to the byte, what COPY of the whole table writes; or there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lc_ibis.outputs import splicing
from lc_ibis.outputs.csv_lines import KeyColumn
from lc_ibis.outputs.splicing import spliced

Row = tuple[Any, ...]
CON = duckdb.connect()
# What DuckDB is asked for, by the name of the Ibis type.
SQL_TYPES = {
    "String": "VARCHAR", "Int64": "BIGINT", "Decimal": "DECIMAL(18, 4)", "Boolean": "BOOLEAN", "Date": "DATE",
    "Timestamp": "TIMESTAMP", "Float64": "DOUBLE",
}  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n")
TEXTS = st.text(st.sampled_from([*"ab,\"' \r\t#-0é\uffff𐍈\0"]) | CHARACTERS)
TEXTS_AND_LINE_ENDS = st.text(st.sampled_from([*'a,"\r\n']), max_size=4)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "String": TEXTS,
    "Int64": st.integers(-12, 12) | st.integers(-(2**63), 2**63 - 1),
    "Decimal": st.decimals(-2, 2, places=4) | st.decimals(-(10**13), 10**13, places=4),
    "Boolean": st.booleans(),
    "Date": st.dates(),
    "Timestamp": st.datetimes(),
}
KEYS = [
    ("String",), ("Int64",), ("Decimal",), ("Boolean", "Int64"), ("Date",), ("Timestamp",), ("String", "String"),
    ("Int64", "String"), ("String", "Timestamp"), ("Decimal", "Date"),
]  # fmt: skip


class Files:
    """The files of a table with a key and two texts, the key's columns around the first."""

    def __init__(self, directory: Path, types: Sequence[str]):
        self.directory = directory
        self.key = [KeyColumn(f"key, {number}", type_) for number, type_ in enumerate(types)]
        [(first, *others), (text, note)] = self.key, ('the "text"', "note")
        names = [first.name, text, *(column.name for column in others), note]
        column_types = [SQL_TYPES[types[0]], "VARCHAR", *(SQL_TYPES[t] for t in types[1:]), "VARCHAR"]
        self.names = [quoted(name) for name in names]
        self.columns = [f"{name} {type_}" for name, type_ in zip(self.names, column_types, strict=True)]
        self.order = ", ".join(f"{quoted(column.name)} ASC" for column in self.key)

    def __truediv__(self, name: str) -> Path:
        return self.directory / name

    def copy(self, name: str, rows: Sequence[Row], select: str = "*") -> Path:
        path = self / name
        CON.execute(f"CREATE OR REPLACE TABLE rows ({', '.join(self.columns)})")
        if rows:
            holders = ", ".join([f"({', '.join('?' * len(self.columns))})"] * len(rows))
            CON.execute(f"INSERT INTO rows VALUES {holders}", [value for row in rows for value in row])
        CON.execute(f"COPY (SELECT {select} FROM rows ORDER BY {self.order}) TO '{path}' (FORMAT csv, HEADER true)")
        return path

    def spliced(self, before: Sequence[Row], after: Sequence[Row], **different: Any) -> str | None:
        removed, added = [row for row in before if row not in after], [row for row in after if row not in before]
        old = self.copy("old.csv", before)
        given = {
            "old": old, "new": self / "new.csv", "key": self.key, "removed": self.copy("removed.csv", removed),
            "added": self.copy("added.csv", added), "sha256_before": sha256(old), "row_count_before": len(before),
        } | different  # fmt: skip
        return spliced(**given)

    def assert_spliced(self, before: Sequence[Row], after: Sequence[Row], **different: Any) -> None:
        found = self.spliced(before, after, **different)
        wanted = self.copy("wanted.csv", after).read_bytes()
        assert (self / "new.csv").read_bytes() == wanted
        assert found == hashlib.sha256(wanted).hexdigest()

    def assert_given_up(self, before: Sequence[Row], after: Sequence[Row], **different: Any) -> None:
        assert self.spliced(before, after, **different) is None
        assert not (self / "new.csv").exists()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def any_share() -> Iterator[None]:
    with patch.object(splicing, "LARGEST_SHARE", float("inf")):
        yield


@pytest.fixture
def texts(tmp_path: Path, any_share: None) -> Files:
    return Files(tmp_path, ["String"])


@pytest.fixture
def integers(tmp_path: Path, any_share: None) -> Files:
    return Files(tmp_path, ["Int64"])


def key_of(row: Row) -> Row:
    return (row[0], *row[2:-1])


def rows_of(types: Sequence[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[Row]]:
    first, *others = (VALUES[type_] | st.none() for type_ in types)
    rows = st.tuples(first, st.none() | texts, *others, st.none() | texts)
    return st.lists(rows, unique_by=key_of, max_size=12)


@st.composite
def days(draw: st.DrawFn) -> tuple[tuple[str, ...], list[Row], list[Row]]:
    """Return types of a key, and the rows of two days, many of which have the same keys."""
    types = draw(st.sampled_from(KEYS))
    texts = draw(st.sampled_from([TEXTS, TEXTS, TEXTS_AND_LINE_ENDS]))
    before, after = draw(rows_of(types, texts)), draw(rows_of(types, texts))
    by_key = {key_of(row): row for row in after}
    for row in before:
        if fate := draw(st.sampled_from(["", "stays", "changes"])):
            by_key[key_of(row)] = row if fate == "stays" else (*row[:-1], draw(texts))
    return types, before, list(by_key.values())


@settings(deadline=None, max_examples=150)
@given(days())
def test_a_spliced_file_is_what_copy_writes(tables: tuple[tuple[str, ...], list[Row], list[Row]]) -> None:
    types, before, after = tables
    has_line_ends = any("\n" in value for row in (*before, *after) for value in row if isinstance(value, str))
    with TemporaryDirectory() as directory, patch.object(splicing, "LARGEST_SHARE", float("inf")):
        files = Files(Path(directory), types)
        (files.assert_given_up if has_line_ends else files.assert_spliced)(before, after)


def numbered(count: int, **notes: str) -> list[Row]:
    return [(number, "text", notes.get(f"_{number}", "note")) for number in range(count)]


def test_all_values_of_a_large_file_are_found(integers: Files) -> None:
    before = numbered(2_000)
    after = [(number, text, "new" if number % 199 == 0 else note) for number, text, note in before if number % 299]
    integers.assert_spliced(before, [(-7, "first", None), *after, (10**12, None, "last")])


@pytest.mark.parametrize(
    "after", [[], numbered(1), numbered(3), numbered(5), numbered(3, _0="a", _1="b", _2="c"), [(-1, "", None)]]
)
def test_the_first_and_the_last_line_are_lines_like_others(integers: Files, after: list[Row]) -> None:
    integers.assert_spliced(numbered(3), after)


def test_an_empty_table_gets_rows(integers: Files) -> None:
    integers.assert_spliced([], numbered(3))


def test_nulls_come_last_and_empty_texts_first(texts: Files) -> None:
    texts.assert_spliced([("", "a", "b"), (None, "a", "b")], [("", "a", "c"), ("null", "d", None), (None, "a", "e")])


def test_removed_rows_need_no_columns_but_the_key(integers: Files) -> None:
    before, after = numbered(9), numbered(9, _3="new")
    removed = integers.copy("keys.csv", [before[3]], select=f"{integers.names[2]}, {integers.names[0]}")
    integers.assert_spliced(before, after, removed=removed)
    removed = integers.copy("keys.csv", [before[3]], select=integers.names[0])
    integers.assert_spliced(before, after, removed=removed)


def test_few_changes_are_made_and_many_are_not(tmp_path: Path) -> None:
    files, before = Files(tmp_path, ["Int64"]), numbered(2000)
    files.assert_spliced(before, numbered(2000, _7="new"))
    (files / "new.csv").unlink()
    files.assert_given_up(before, [*numbered(1000), *((n, "new", "new") for n in range(1000, 2000))])


@pytest.mark.parametrize("note", ["a\nb", "a\r\nb", "\n", '"\n"', "a\n5,text,note\nb"])
def test_line_ends_within_values_are_given_up(integers: Files, note: str) -> None:
    integers.assert_given_up(numbered(9, _5=note), numbered(9, _5=note, _2="new"))
    integers.assert_given_up(numbered(9), numbered(9, _5=note))
    integers.assert_given_up(numbered(9, _5=note), numbered(9))


def test_a_carriage_return_alone_is_no_line_end(integers: Files) -> None:
    integers.assert_spliced(numbered(9, _5="a\rb"), numbered(9, _5="a\rb", _2="\r"))


def test_a_removed_row_that_is_not_there_or_another_is_given_up(integers: Files) -> None:
    for row in [(9, "text", "note"), (-1, "text", "note"), (5, "text", "other"), (5, "text", None)]:
        integers.assert_given_up(numbered(9), numbered(9), removed=integers.copy("not.csv", [row]))


def test_an_added_row_that_is_there_already_is_given_up(integers: Files) -> None:
    for row in [(5, "text", "note"), (0, "text", "other"), (8, "", "")]:
        integers.assert_given_up(numbered(9), numbered(9), added=integers.copy("twice.csv", [row]))


def test_two_rows_of_one_key_are_given_up(integers: Files) -> None:
    twice = (5, "text", "other")
    integers.assert_given_up([*numbered(9), twice], numbered(9))
    integers.assert_given_up(numbered(9), [*numbered(9), (9, "a", "b"), (9, "a", "c")])
    integers.assert_given_up([*numbered(9), twice], [*numbered(5), *numbered(9)[6:]])


def test_changes_in_another_order_are_given_up(integers: Files) -> None:
    added = integers.copy("added.csv", [(20, "a", "b"), (21, "a", "b")])
    header, *lines = added.read_bytes().splitlines(keepends=True)
    backwards = integers / "backwards.csv"
    backwards.write_bytes(header + b"".join(reversed(lines)))
    integers.assert_given_up(numbered(9), numbered(9), added=backwards)


def test_a_file_with_other_columns_is_given_up(integers: Files, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    for header in ["", "\n", 'key,"the ""text""",note\n', '"key, 0",note,"the ""text"""\n', '"key, 0",note\n']:
        other.write_text(header)
        integers.assert_given_up(numbered(9), numbered(9), added=other)
    other.write_text('"key, 0",renamed\n')
    integers.assert_given_up(numbered(9), numbered(9), removed=other)
    integers.assert_given_up(numbered(9), numbered(9), key=[KeyColumn("no such", "Int64")])
    integers.assert_given_up(numbered(9), numbered(9), key=[])


@pytest.mark.parametrize("type_", ["Float64", "Interval", "Binary", "UUID", ""])
def test_keys_of_other_types_are_given_up(integers: Files, type_: str) -> None:
    integers.assert_given_up(numbered(9), numbered(8), key=[KeyColumn("key, 0", type_)])


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("Date", ["0044-03-15 (BC)", "2024-01-01", "9999-01-01", "10000-01-01", "infinity"]),
        ("Timestamp", ["-infinity", "2024-01-01 10:00:00", "99999-01-01 10:00:00"]),
    ],
)
def test_times_whose_texts_have_another_order_are_given_up_where_met(
    tmp_path: Path, any_share: None, type_: str, values: list[str]
) -> None:
    files, rows = Files(tmp_path, [type_]), [(value, "text", "note") for value in values]
    for row in rows:
        fewer = [other for other in rows if other is not row]
        for before, after in ((rows, fewer), (fewer, rows)):
            if row[0].startswith(("2", "9999-")):
                if files.spliced(before, after):
                    files.assert_spliced(before, after)
            else:
                files.assert_given_up(before, after)
            (files / "new.csv").unlink(missing_ok=True)


def test_a_time_with_a_zone_is_given_up(tmp_path: Path, any_share: None) -> None:
    with patch.dict(SQL_TYPES, {"Timestamp": "TIMESTAMPTZ"}):
        Files(tmp_path, ["Timestamp"]).assert_given_up([(datetime(2024, 1, 1), "a", "b")], [])


def test_a_file_that_is_not_as_it_was_written_is_given_up(integers: Files) -> None:
    before, after = numbered(9), numbered(9, _5="new")
    old = integers.copy("old.csv", before)
    known, text = sha256(old), old.read_bytes()
    changed = integers / "changed.csv"
    for content in [
        b"",
        b"\n",
        text[:-1],
        text + b"\n",
        text.replace(b"\n", b"\r\n"),
        text.replace(b"7,text", b"7,TEXT"),
        text[:40],
    ]:
        changed.write_bytes(content)
        integers.assert_given_up(before, after, old=changed, sha256_before=known)
    integers.assert_given_up(before, after, row_count_before=8)
    integers.assert_given_up(before, after, old=integers / "none.csv", sha256_before=known)
    integers.assert_given_up(before, after, old=integers.directory, sha256_before=known)


def test_a_file_system_that_maps_no_files_is_given_up(integers: Files) -> None:
    with patch.object(splicing.mmap, "mmap", side_effect=OSError(19, "No such device")):
        integers.assert_given_up(numbered(9), numbered(8))


def test_a_file_that_cannot_be_written_is_an_error(integers: Files) -> None:
    with pytest.raises(FileNotFoundError):
        integers.spliced(numbered(9), numbered(8), new=integers / "none" / "new.csv")
    full = patch.object(splicing._Copy, "finished", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(OSError, match="No space left"):
        integers.spliced(numbered(9), numbered(8))
    assert not (integers / "new.csv").exists()


def test_what_is_compared_is_the_value_not_its_text(tmp_path: Path, any_share: None) -> None:
    files = Files(tmp_path, ["Decimal", "Date"])
    before = [(Decimal(n) / 10, "a", date(2024, 1, 1), None) for n in (-100, -20, -1, 0, 1, 20, 100)]
    files.assert_spliced(before, [*before[1:], (Decimal("-0.05"), "b", date(2024, 1, 2), None)])
