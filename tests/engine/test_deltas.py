"""Deltas: the same as the change applied to the last full extract, and that delivered."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lc_ibis.errors import ExtractError, SettingsError
from tests.conftest import ACCOUNT, ALICE, CUSTOMER, LONG, SAVINGS, Lending, Row, write_csv

pytestmark = pytest.mark.parametrize("backend", LONG)

OTHER = ("A2", "1", "20.00", "Checking")
DELTAS = {"src_customer": "customers-*.csv", "src_account": "accounts-*.csv"}


@pytest.fixture
def built(lending: Lending) -> Lending:
    lending.load([ALICE], [SAVINGS, OTHER])
    return lending


def delta(lending: Lending, name: str, rows: Iterable[Row]) -> None:
    """Put a delta of accounts in place; each row ends with its operation."""
    write_csv(lending.inputs / f"accounts-{name}.csv", (*ACCOUNT, "_op"), rows)
    write_csv(lending.inputs / "customers-0.csv", (*CUSTOMER, "_op"), [])


def take(lending: Lending, name: str, rows: Iterable[Row]) -> str:
    delta(lending, name, rows)
    return lending.build(delivery="delta", source=DELTAS, allow_mass_delete=True).status


def accounts(lending: Lending) -> list[tuple[str, str]]:
    return sorted(lending.rows("src_account", "account_id", "balance"), key=str)


def test_rows_replace_those_of_their_key_as_cleaned(built: Lending) -> None:
    first = built.rows("src_account", "loaded_at")[0]
    changed, gone = (" A1 ", "1", "7.00", "Savings", "upsert"), ("A2", "", "", "", " Delete")
    take(built, "1", [changed, gone, ("A3", "1", "3", "Savings", "")])
    assert accounts(built) == [(" A1 ", "7.00"), ("A3", "3")]
    assert first not in built.rows("src_account", "loaded_at")
    assert built.rows("account_summary", "account_id") == ["A1", "A3"]


def test_an_upsert_of_the_same_text_changes_nothing(built: Lending) -> None:
    before = built.rows("src_account"), built.rows("snap_account")
    take(built, "1", [(*SAVINGS, "upsert")])
    assert (built.rows("src_account"), built.rows("snap_account")) == before


def test_a_file_taken_before_is_ignored_in_whatever_order_it_comes_again(built: Lending) -> None:
    first = [("A1", "1", "1.00", "Savings", "")]
    take(built, "1", first)
    take(built, "2", [("A1", "1", "2.00", "Savings", "")])
    before = built.files()
    (built.inputs / "accounts-2.csv").unlink()
    assert take(built, "1", first) == "unchanged"
    assert built.files() == before
    assert accounts(built)[0] == ("A1", "2.00")


def test_the_same_content_under_a_new_name_is_a_new_delta(built: Lending) -> None:
    take(built, "1", [("A1", "1", "1.00", "Savings", "")])
    take(built, "2", [("A1", "1", "2.00", "Savings", "")])
    take(built, "3", [("A1", "1", "1.00", "Savings", "")])
    assert accounts(built)[0] == ("A1", "1.00")


def test_of_two_new_files_the_later_name_has_its_way(built: Lending) -> None:
    delta(built, "1", [("A1", "1", "1.00", "Savings", ""), ("A2", "", "", "", "delete")])
    take(built, "2", [("A1", "1", "2.00", "Savings", ""), ("A2", "1", "5.00", "Savings", "")])
    assert accounts(built) == [("A1", "2.00"), ("A2", "5.00")]


def test_a_key_that_comes_twice_in_a_delta_is_refused_as_in_an_extract(built: Lending) -> None:
    take(built, "1", [("A1", "1", "1.00", "Savings", ""), ("A1", "1", "2.00", "Savings", "")])
    assert accounts(built) == [("A1", "1.00"), ("A1", "2.00"), ("A2", "20.00")]
    assert len(built.rows("quarantine_stg_account")) == 2
    assert built.rows("account_summary", "account_id") == ["A1"]


def test_a_key_that_cannot_be_read_is_known_by_its_text(built: Lending) -> None:
    """It holds what cannot be seen; the source sends it again, corrects it, and takes it back."""
    spoilt = "\xa0A3"
    take(built, "1", [(spoilt, "1", "8", "Savings", "")])
    take(built, "2", [(spoilt, "1", "9", "Savings", "upsert"), ("A\u200b2", "1", "1", "Savings", "")])
    assert accounts(built)[2:] == [("A\u200b2", "1"), (spoilt, "9")]
    assert len(built.rows("quarantine_stg_account")) == 2
    take(built, "3", [(spoilt, "", "", "", "delete"), ("A3", "1", "9", "Savings", "")])
    assert accounts(built)[2:] == [("A3", "9"), ("A\u200b2", "1")]
    assert len(built.rows("quarantine_stg_account")) == 1
    with pytest.raises(ExtractError, match="the file both upserts and deletes"):
        take(built, "4", [(spoilt, "", "", "", "delete"), (spoilt, "1", "9", "Savings", "")])


def test_two_files_speak_of_a_key_that_cannot_be_read(built: Lending) -> None:
    delta(built, "1", [("\xa0A3", "1", "8", "Savings", "")])
    take(built, "2", [("\xa0A3", "1", "", "Savings", "delete")])
    assert accounts(built) == [("A1", "5000.00"), ("A2", "20.00")]


def test_a_row_without_a_key_stands_for_itself(built: Lending) -> None:
    nameless = ("", "1", "8", "Savings")
    take(built, "1", [(*nameless, ""), (*nameless, "upsert"), ("  ", "1", "9", "Savings", "")])
    assert accounts(built)[:2] == [("  ", "9"), ("A1", "5000.00")]
    take(built, "2", [(*nameless, "")])
    assert len(built.rows("quarantine_stg_account")) == 2
    take(built, "3", [(*nameless, "delete")])
    assert len(built.rows("quarantine_stg_account")) == 1


def test_a_full_extract_after_deltas_is_compared_though_its_file_is_the_last_full_one(built: Lending) -> None:
    take(built, "1", [("A1", "1", "1.00", "Savings", "")])
    assert built.build().status == "built"
    assert accounts(built)[0] == ("A1", "5000.00")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("A1", "1", "1", "Savings", "merge")], "_op is 'merge'. Use upsert, delete, or leave it blank"),
        ([("A1", "1", "1", "Savings", ""), (" A1", "", "", "", "delete")], "the file both upserts and deletes A1"),
    ],
)
def test_a_delta_that_makes_no_sense_changes_nothing(built: Lending, rows: list[Row], message: str) -> None:
    before = built.files()
    with pytest.raises(ExtractError, match=message):
        take(built, "1", rows)
    assert built.files() == before


def test_a_delta_needs_the_operation_and_an_extract_refuses_it(built: Lending) -> None:
    with pytest.raises(ExtractError, match="missing: _op"):
        built.build(delivery="delta")
    write_csv(built.inputs / "accounts.csv", (*ACCOUNT, "_op"), [(*SAVINGS, "")])
    with pytest.raises(ExtractError, match="build it with --delivery delta"):
        built.build()
    with pytest.raises(SettingsError, match="delivery: 'daily' is not one of full, delta"):
        built.build(delivery="daily")


def test_the_first_delivery_cannot_be_a_delta(lending: Lending) -> None:
    delta(lending, "1", [(*SAVINGS, "")])
    with pytest.raises(ExtractError, match="Build once from the whole extract"):
        lending.build(delivery="delta", source=DELTAS)
