"""What changed between two contracts, and whether it breaks those who read the table."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import duckdb
import ibis.expr.datatypes as dt
import pytest
from ibis.backends.sql.datatypes import DuckDBType

from lc_ibis.declare.contract_changes import StoredColumn, StoredContract, changes, sentence
from lc_ibis.declare.contracts import Contract, Integer, Moment, Text, column, key, stamp
from lc_ibis.declare.history import Versions
from lc_ibis.errors import ModelError
from tests.things import contract


def said(before: type[Contract], after: type[Contract]) -> list[tuple[str, bool]]:
    found = changes(StoredContract.of(before), StoredContract.of(after))
    return [(sentence(change), change.is_breaking) for change in found]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("int32", "int64", "wider"), ("int64", "int32", "narrower"), ("int8", "int16", "wider"),
        ("uint8", "int16", "wider"), ("uint32", "int64", "wider"), ("uint64", "int64", "narrower"),
        ("int16", "uint16", "narrower"), ("int8", "uint64", "narrower"), ("uint8", "uint64", "wider"),
        ("float32", "float64", "wider"), ("float64", "float32", "narrower"),
        ("decimal(18,2)", "decimal(10,2)", "narrower"), ("decimal(10,2)", "decimal(18,2)", "wider"),
        ("decimal(18,2)", "decimal(20,4)", "wider"), ("decimal(18,2)", "decimal(18,4)", "narrower"),
        ("decimal(18,2)", "decimal(19,4)", "narrower"), ("decimal(18,2)", "decimal(38,2)", "wider"),
        ("decimal(18,2)", "decimal(18,0)", "narrower"), ("decimal(18,0)", "decimal(20,2)", "wider"),
        ("decimal(18,2)", "decimal(17,1)", "narrower"), ("decimal(18,2)", "decimal(38,1)", "narrower"),
        ("string", "string(5)", "narrower"), ("string(5)", "string", "wider"), ("string(5)", "string(4)", "narrower"),
        ("timestamp(6)", "timestamp(3)", "narrower"), ("timestamp(3)", "timestamp(6)", "wider"),
        ("timestamp(6)", "timestamp('UTC', 6)", "other"), ("timestamp(6)", "timestamp", "other"),
        ("timestamp(6)", "date", "other"), ("date", "timestamp(6)", "other"),
        ("string", "int64", "other"), ("int64", "string", "other"), ("int64", "decimal(18,2)", "other"),
        ("decimal(18,2)", "int64", "other"), ("decimal(18,2)", "float64", "other"), ("int64", "float64", "other"),
        ("boolean", "int8", "other"), ("int8", "boolean", "other"),
        ("array<int32>", "array<int64>", "other"), ("struct<a: int64>", "struct<a: int64, b: int64>", "other"),
    ],
)  # fmt: skip
def test_a_type_that_holds_all_that_the_one_before_held_is_wider(before: str, after: str, kind: str) -> None:
    [(sentence, is_breaking)] = said(contract(fact=before), contract(fact=after))
    assert sentence == f"fact: {kind} type, {dt.dtype(before)} to {dt.dtype(after)}"
    assert is_breaking == (kind != "wider")


WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DECIMAL = ("decimal(5,4)", "decimal(10,2)", "decimal(18,0)", "decimal(18,2)", "decimal(18,4)", "decimal(20,2)",
           "decimal(20,4)", "decimal(38,4)", "decimal(38,38)")  # fmt: skip


def _extremes(type_: dt.DataType) -> list[str]:
    """Return the values of a type that are hardest to keep."""
    if type_.is_integer():
        return [str(type_.bounds.lower), str(type_.bounds.upper)]
    digits = "9" * type_.precision
    return [f"{digits[type_.scale :]}.{digits[: type_.scale]}"]


@pytest.mark.parametrize("family", [WHOLE, DECIMAL])
def test_a_wider_type_is_one_into_which_duckdb_casts_the_extremes_unchanged(family: tuple[str, ...]) -> None:
    with duckdb.connect() as con:

        def keeps(value: str, one: str, other: str) -> bool:
            old, new = (DuckDBType.to_string(dt.dtype(type_)) for type_ in (one, other))
            [(text,)] = con.execute(f"SELECT TRY_CAST(CAST('{value}' AS {old}) AS {new})::VARCHAR").fetchall()
            return text is not None and Decimal(text) == Decimal(value)

        for one, other in permutations(family, 2):
            is_wider = all(keeps(value, one, other) for value in _extremes(dt.dtype(one)))
            [(_, is_breaking)] = said(contract(fact=one), contract(fact=other))
            assert is_breaking is not is_wider, (one, other)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"fact": "string"}, {}, ("fact: removed column, string", True)),
        ({}, {"fact": "string"}, ("fact: new column, string", False)),
        ({"fact": "string?"}, {"fact": "string"}, ("fact: now not null, null to not null", True)),
        ({"fact": "string"}, {"fact": "string?"}, ("fact: now may be null, not null to null", True)),
        ({"a": "string", "b": "string"}, {"b": "string", "a": "string"},
         ("changed order: thing_id, a, b to thing_id, b, a", False)),
    ],
)  # fmt: skip
def test_each_kind_of_change_is_named(before: Any, after: Any, wanted: tuple[str, bool]) -> None:
    assert said(contract(**before), contract(**after)) == [wanted]


class Keyed(Contract):
    """One row per thing."""

    thing_id: Integer = key("Its number.")
    part_id: Integer = column("Its part.")


class KeyedByBoth(Keyed):
    """One row per thing and part."""

    part_id: Integer = key("Its part.")


class Unkeyed(Contract):
    """One row per thing, with copies."""

    thing_id: Integer = column("Its number.")
    part_id: Integer = column("Its part.")


def test_a_changed_key_breaks() -> None:
    assert said(Keyed, KeyedByBoth) == [("changed key: thing_id to thing_id, part_id", True)]
    assert said(KeyedByBoth, Unkeyed) == [("changed key: thing_id, part_id to none", True)]
    assert said(Unkeyed, Keyed) == [("changed key: none to thing_id", True)]


def test_a_key_in_another_order_is_the_same_key() -> None:
    class Turned(Contract):
        """One row per thing and part."""

        part_id: Integer = key("Its part.")
        thing_id: Integer = key("Its number.")

    assert said(KeyedByBoth, Turned) == [("changed order: thing_id, part_id to part_id, thing_id", False)]


def test_what_a_column_means_and_whether_it_is_a_stamp_may_change() -> None:
    class Before(Contract):
        """One row per thing."""

        made_at: Moment = stamp("When the row was made.")

    class After(Contract):
        """A row is a thing."""

        made_at: Moment = column("When the thing was made.")

    assert said(Before, After) == []


def test_all_changes_are_said_at_once() -> None:
    found = said(contract(a="string", b="int64?", c="string"), contract(b="int32", d="string", c="string"))
    assert found == [
        ("a: removed column, string", True), ("b: narrower type, int64 to int32", True),
        ("b: now not null, null to not null", True), ("d: new column, string", False),
    ]  # fmt: skip


def test_a_renamed_column_is_one_gone_and_one_new() -> None:
    kinds = [sentence.split(",")[0] for sentence, _ in said(contract(a="string"), contract(A="string"))]
    assert kinds == ["a: removed column", "A: new column"]


def test_a_stored_type_that_cannot_be_read_is_another_one() -> None:
    before = StoredContract.of(contract(fact="string"))
    strange = StoredContract(1, (before.columns[0], StoredColumn("fact", "no (type", False, False)))
    [change] = changes(strange, before)
    assert sentence(change) == "fact: other type, no (type to string"


# The version ------------------------------------------------------------------------------------


class Second(Contract):
    """One row per thing."""

    version = 2
    thing_id: Integer = key("Its number.")


class Heir(Second):
    """One row per thing."""

    label: Text = column("Its label.")


class History(Versions, Heir):
    """One row per version of a thing."""


class Third(Heir):
    """One row per thing."""

    version: int = 3


def test_a_version_is_no_column_and_is_inherited() -> None:
    assert [c.major_version() for c in (Contract, Keyed, Second, Heir, History, Third)] == [1, 1, 2, 2, 2, 3]
    assert [c.name for c in Third.columns] == ["thing_id", "label"]


def test_a_column_may_be_called_version() -> None:
    class Release(Contract):
        """One row per release."""

        version: Integer = key("Its number.")

    class SecondRelease(Release):
        """One row per release."""

        version = 2

    assert (Release.key(), Release.major_version()) == (("version",), 1)
    assert (SecondRelease.key(), SecondRelease.major_version()) == (("version",), 2)


@pytest.mark.parametrize("version", [0, -1, True, "2", 2.0, None, 2**31])
def test_a_version_that_is_no_number_from_1_is_refused(version: Any) -> None:
    with pytest.raises(
        ModelError, match=r"Thing \(declare/test_contract_changes\.py\): version = .* is not an integer"
    ):
        type("Thing", (Contract,), {"version": version, "__module__": __name__})
