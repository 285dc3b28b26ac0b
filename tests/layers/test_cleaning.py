"""What staging accepts, and how it words a refusal: DESIGN's cleaning rules, by example."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pytest

from lc_ibis.declare.models import Model
from lc_ibis.layers import staging
from tests.conftest import EVERYWHERE, Engine
from tests.oracle import is_invisible

pytestmark = pytest.mark.parametrize("backend", EVERYWHERE)
_engine: Engine


@pytest.fixture(autouse=True)
def _on(engine: Engine) -> None:
    """Run this module's queries on the backend."""
    global _engine
    _engine = engine


Text = str | None
MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 1, day) for day in (5, 6, 7))
CUSTOMER = {"customer_id": "1", "name": "Ann", "has_loan": "no"}
ACCOUNT = {"account_id": "A1", "customer_id": "1", "balance": "1", "account_type": "savings"}
TOO_LONG = "9" * 40


def received(rows: Iterable[dict[str, Any]]) -> ir.Table:
    """Return rows of an extract as a table: text, and loaded_at."""
    full = [{"loaded_at": MONDAY, **row} for row in rows]
    columns = [name for name in full[0] if name != "loaded_at"] + ["loaded_at"]
    kinds = {"loaded_at": pa.timestamp("us")}
    return _engine.load(pa.table({c: pa.array([row[c] for row in full], kinds.get(c, pa.string())) for c in columns}))


def run(query: ir.Table) -> list[dict[str, Any]]:
    return _engine.rows(query)


def judged(model: Model, sound: dict[str, str], column: str, values: Iterable[Text], clean: str) -> dict[Text, Any]:
    """Put each value into an otherwise sound row; return by value its clean one, or why it is refused."""
    rows = run(model(received([{**sound, column: value} for value in values])))
    return {row[f"received_{column}"]: row["failure_reason"] or row[clean] for row in rows}


def customers(column: str, values: Iterable[Text], clean: str) -> dict[Text, Any]:
    return judged(staging.customer_cleaned, CUSTOMER, column, values, clean)


def accounts(column: str, values: Iterable[Text], clean: str) -> dict[Text, Any]:
    return judged(staging.account_cleaned, ACCOUNT, column, values, clean)


def because(reason: str, values: Iterable[Text]) -> dict[Text, str]:
    return {value: f"{reason}: " + ("null" if value is None else f"'{value}'") for value in values}


def escaped(text: str) -> str:
    """Write out what cannot be seen, as Python does."""
    return "".join(c.encode("unicode_escape").decode() if is_invisible(c) else c for c in text)


# Of each kind: no width, blank letters, spaces of other widths, formats, selectors, tags.
UNSEEN = [
    "\xa0", "\u200b", "\u200d", " \u2003\u3000 ", "\ufeff", "\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\x00", "\x85",
    "\u2028", "\u2029", "\u00ad", "\u034f", "\u17b4", "\u180e", "\u2066\u2069", "\ufe0f", "\U0001d159", "\U0001d173",
    "\U000e0001", "\U000e0100",
]  # fmt: skip
BLANK = ["", " ", "\t", "\r\n", " \t\n\x0b\x0c\r ", None]

WHOLE_NUMBERS = {
    "0": 0, "007": 7, "+5": 5, "-5": -5, "-0": 0, "+0": 0, "0" * 60 + "7": 7,
    " 1 ": 1, "\t2": 2, "3\n": 3, "4\r\n": 4, "\x0b5\x0c": 5,
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63),
}  # fmt: skip
NO_WHOLE_NUMBERS = [
    "1.0", "1.", ".5", "1e3", "0x10", "0b1", "1_000", "1,000", "1 2", "--5", "+-5", "+", "-", "abc", "true", "NaN",
    "١٢", "\uff11\uff12", "²", "\xa05", "5\u2003", "\u200b5", "\ufeff5", "5\x85", "\x1c5", "5\x1f", "5\x00", "\x005",
    "9223372036854775808", "-9223372036854775809", TOO_LONG, "INVALID", "'; DROP TABLE src_customer; --", "it's",
]  # fmt: skip


@pytest.mark.parametrize("judge", [customers, accounts])
def test_customer_id_is_an_integer_in_plain_digits(judge: Any) -> None:
    expected = {
        **WHOLE_NUMBERS,
        **because("customer_id is not an integer", NO_WHOLE_NUMBERS),
        **because("customer_id is blank", BLANK),
    }
    assert judge("customer_id", expected, "customer_id") == expected


def test_name_is_stripped_and_lowered() -> None:
    expected = {
        "Alice": "alice", "  BOB ": "bob", "\tÉ. NÚÑEZ\n": "é. núñez", "a  b": "a  b", "\xa0Zoe": "\xa0zoe", "سار\u200cا": "سار\u200cا", "A\u200bb": "a\u200bb",
        "O'Brien": "o'brien", '"Q" Lee': '"q" lee', "x'); DROP TABLE t;--": "x'); drop table t;--",
        "NULL": "null", "NaN": "nan", "a\x00B": "a\x00b", "X" * 5000: "x" * 5000,
        **because("name is blank", [*BLANK, *UNSEEN]),
    }  # fmt: skip
    assert customers("name", expected, "customer_name") == expected


def test_has_loan_is_yes_or_no_in_many_spellings() -> None:
    expected = {
        **dict.fromkeys(["yes", "YES", " Yes\n", "y", "Y", "true", "TRUE", "1", "\t1"], True),
        **dict.fromkeys(["no", "No ", "n", "N", "false", "False", "0", "none", "NONE", *BLANK], False),
        **because(
            "has_loan is neither yes nor no", ["maybe", "2", "01", "1.0", "ja", "null", "n/a", "yes\xa0", "y\x00"]
        ),
    }
    assert customers("has_loan", expected, "has_loan_flag") == expected


def test_account_id_is_stripped_and_keeps_its_case() -> None:
    expected = {
        "A1": "A1", "a1": "a1", " A1\t": "A1", "007": "007", "A'1": "A'1", "A 1": "A 1", "É\u0301": "É\u0301",
        "null": "null", **because("account_id is blank", BLANK),
    }  # fmt: skip
    assert accounts("account_id", expected, "account_id") == expected


def test_an_account_id_that_holds_what_cannot_be_seen_is_refused_with_its_name() -> None:
    texts = {"A\u200b1\xa0": r"\u200b", "x" * 120 + "\u200d": r"\u200d", "A\t1": r"\t", "A\n1": r"\n"}
    for unseen in UNSEEN:
        inside = unseen.strip(" ")
        texts |= dict.fromkeys((f"{unseen}A1", f"A{inside}1", f"A1{unseen}"), escaped(inside[0]))
    accepted, reasons = settled("account", [{**ACCOUNT, "account_id": text} for text in texts])
    assert accepted == []
    assert {key[0]: reason for key, reason in reasons.items()} == {
        text: f"account_id holds {name}, which cannot be seen: '{escaped(text[:100])}'" for text, name in texts.items()
    }


def test_no_character_that_cannot_be_seen_is_left_out() -> None:
    """By the classes of Unicode, and its list of what is not to be shown."""
    every = [chr(code) for code in range(0x110000) if is_invisible(chr(code))]
    texts = ["".join(every[start : start + 50]) for start in range(0, len(every), 50)]
    _, reasons = settled("customer", [{**CUSTOMER, "name": text} for text in texts])
    assert {key[1]: reason for key, reason in reasons.items()} == {
        text: f"name is blank: '{escaped(text)}'" for text in texts
    }


def test_letters_and_marks_are_seen() -> None:
    seen = [chr(code) for code in range(0x21, 0x30000) if not is_invisible(chr(code))]
    seen = [c for c in seen if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    texts = ["".join(seen[start : start + 500]) for start in range(0, len(seen), 500)]
    assert accounts("account_id", texts, "account_id") == {text: text for text in texts}


BALANCES = {
    "0": "0", "5": "5", "5.": "5", ".5": "0.5", "+5": "5", "+.5": "0.5", "007.50": "7.5", "0" * 60 + "7": "7",
    " 5 ": "5", "\t5\n": "5", "5\r\n": "5", "\x0b5\x0c": "5",
    "-0": "0", "-0.00": "0", "-.0": "0",
    "1.005": "1.01", "1.004999": "1", "2.675": "2.68", "0.005": "0.01", "0.0049": "0", "0.00" + "4" + "9" * 40: "0",
    "0." + "1" * 40: "0.11", "0." + "0" * 40 + "1": "0",
    "999999999999.99": "999999999999.99", "999999999999.994": "999999999999.99",
    "999999999999.994" + "9" * 30: "999999999999.99",
}  # fmt: skip
NO_PLAIN_DECIMALS = [
    "NaN", "nan", "Infinity", "-inf", "1e3", "1E-3", "0x10", "1_000", "1,000", "1.000,00", "1 000", "$5", "5 USD", "5%",
    ".", "+", "-", "+.", "--1", "1.2.3", "1/2", "١٢", "\uff11\uff12", "1\u066b5", "n/a.", "nil", "-none",
    "\xa05", "5\u2003", "\ufeff5", "5\x85", "5\x00", "\x005", "1'000", "1; DROP TABLE x",
]  # fmt: skip


def test_balance_is_a_plain_decimal_rounded_to_the_cent() -> None:
    expected = {
        **{text: Decimal(amount) for text, amount in BALANCES.items()},
        **because("balance is blank", [*BLANK, "null", "NULL", "n/a", " N/A ", "none", "None\n"]),
        **because("balance is not a plain decimal", NO_PLAIN_DECIMALS),
        **because(
            "balance does not fit decimal(18,2)",
            ["9999999999999999.995", "10000000000000000", "-10000000000000000", TOO_LONG, f"-{TOO_LONG}.5"],
        ),
        **because("balance is more than 999999999999.99", ["999999999999.995", "1000000000000", "9999999999999999.99"]),
        **because(
            "balance is negative",
            ["-9999999999999999", "-1", "-0.01", "-0.001", "-.004", "-0." + "0" * 40 + "1", " -5 "],
        ),
    }
    assert accounts("balance", expected, "balance_amount") == expected


def test_account_type_is_savings_or_checking() -> None:
    expected = {
        **dict.fromkeys(["savings", "Savings", "SAVINGS ", "\tsavings\n"], "savings"),
        **dict.fromkeys(["checking", " Checking"], "checking"),
        **because("account_type is blank", BLANK),
        **because(
            "account_type is neither savings nor checking", ["gold", "saving", "savings;", "savings\xa0", "null"]
        ),
    }
    assert accounts("account_type", expected, "account_type") == expected


@pytest.mark.parametrize(
    ("model", "broken", "mends"),
    [
        (
            staging.customer_cleaned,
            {"customer_id": " ", "name": None, "has_loan": "?"},
            [({}, "customer_id is blank: ' '"), ({"customer_id": "x"}, "customer_id is not an integer: 'x'"),
             ({"customer_id": "1"}, "name is blank: null"), ({"name": "Ann"}, "has_loan is neither yes nor no: '?'"),
             ({"has_loan": "y"}, None)],
        ),
        (
            staging.account_cleaned,
            {"account_id": None, "customer_id": "", "balance": "N/A", "account_type": " "},
            [({}, "account_id is blank: null"),
             ({"account_id": "A\xa01"}, "account_id holds \xa0, which cannot be seen: 'A\xa01'"),
             ({"account_id": "A1"}, "customer_id is blank: ''"),
             ({"customer_id": "1.0"}, "customer_id is not an integer: '1.0'"),
             ({"customer_id": "1"}, "balance is blank: 'N/A'"),
             ({"balance": "-1e3"}, "balance is not a plain decimal: '-1e3'"),
             ({"balance": "-99999999999999999"}, "balance does not fit decimal(18,2): '-99999999999999999'"),
             ({"balance": "-9999999999999"}, "balance is negative: '-9999999999999'"),
             ({"balance": "9999999999999"}, "balance is more than 999999999999.99: '9999999999999'"),
             ({"balance": "1"}, "account_type is blank: ' '"),
             ({"account_type": "?"}, "account_type is neither savings nor checking: '?'"),
             ({"account_type": "Savings"}, None)],
        ),
    ],
)  # fmt: skip
def test_a_row_is_refused_for_the_first_rule_it_breaks(
    model: Model, broken: dict[str, Text], mends: list[tuple[dict[str, str], Text]]
) -> None:
    for mend, reason in mends:
        broken = {**broken, **mend}
        assert [row["failure_reason"] for row in run(model(received([broken])))] == [reason]


def test_a_reason_shows_at_most_a_hundred_characters_of_the_value() -> None:
    assert customers("customer_id", ["é" * 101], "customer_id") == {
        "é" * 101: f"customer_id is not an integer: '{'é' * 100}'"
    }


# Rows that share a key ------------------------------------------------------------------------


def test_small_letters_are_the_same_on_all_engines() -> None:
    names = {"ΟΔΥΣΣΕΥΣ": "οδυσσευσ", "İpek": "i\u0307pek", "Straẞe ÄÉ": "straße äé", "ΑΣ ΣΑΣ": "ασ σασ"}
    assert customers("name", names, "customer_name") == names
    assert accounts("account_type", ["savİngs"], "account_type") == {
        "savİngs": "account_type is neither savings nor checking: 'savİngs'"
    }


def settled(name: str, rows: list[dict[str, Any]]) -> tuple[list[tuple[Any, ...]], dict[tuple[Any, ...], str]]:
    """Return the accepted rows, and by received text and loaded_at why the others are refused."""
    tables = {f"{name}_cleaned": getattr(staging, f"{name}_cleaned")(received(rows))}
    tables[f"{name}_repeated"] = getattr(staging, f"{name}_repeated")(**tables)
    accepted = run(getattr(staging, f"stg_{name}")(**tables))
    refused = run(getattr(staging, f"quarantine_stg_{name}")(**tables))
    assert len(accepted) + len(refused) == len(rows)
    reasons = {tuple(row.values())[:-2]: row["failure_reason"] for row in refused}
    return sorted(tuple(row.values()) for row in accepted), reasons


def account(text: str, loaded_at: datetime = MONDAY) -> dict[str, Any]:
    """Read 'A1|1|5|savings'."""
    return {**dict(zip(ACCOUNT, text.split("|"), strict=True)), "loaded_at": loaded_at}


def customer(text: str, loaded_at: datetime = MONDAY) -> dict[str, Any]:
    return {**dict(zip(CUSTOMER, text.split("|"), strict=True)), "loaded_at": loaded_at}


SAME = "comes more than once, with the same values"
OTHER = "comes more than once, with different values"


def test_rows_that_clean_to_the_same_collapse_to_the_first_by_text_with_the_earliest_loaded_at() -> None:
    accepted, refused = settled("account", [
        account("A1|1|5.00|Savings", MONDAY),
        account(" A1|01|5.004|savings", WEDNESDAY),
        account("A1 |+1|05|SAVINGS", TUESDAY),
    ])  # fmt: skip
    assert accepted == [("A1", 1, Decimal("5.00"), "savings", MONDAY)]
    assert refused == {
        ("A1", "1", "5.00", "Savings", MONDAY): f"account_id {SAME}: 'A1'",
        ("A1 ", "+1", "05", "SAVINGS", TUESDAY): f"account_id {SAME}: 'A1 '",
    }


def test_of_copies_of_one_text_the_earliest_is_accepted() -> None:
    accepted, refused = settled("customer", [customer("7|Ann|y", TUESDAY), customer("7|Ann|y", MONDAY)])
    assert accepted == [(7, "ann", True, MONDAY)]
    assert refused == {("7", "Ann", "y", TUESDAY): f"customer_id {SAME}: '7'"}


@pytest.mark.parametrize("other", ["A1|2|5|savings", "A1|1|5.01|savings", "A1|1|5|checking", " A1|1|6|savings"])
def test_accounts_that_disagree_are_all_refused(other: str) -> None:
    row = "A1|1|5|savings"
    accepted, refused = settled("account", [account(row), account(row, TUESDAY), account(other)])
    assert accepted == []
    assert refused == {
        (*row.split("|"), MONDAY): f"account_id {OTHER}: 'A1'",
        (*row.split("|"), TUESDAY): f"account_id {OTHER}: 'A1'",
        (*other.split("|"), MONDAY): f"account_id {OTHER}: '{other.split('|')[0]}'",
    }


@pytest.mark.parametrize("other", ["007|Ann Lee|y", "+7|Ann|", "7|Ánn|y"])
def test_customers_that_disagree_are_all_refused(other: str) -> None:
    accepted, refused = settled("customer", [customer("7|Ann|y"), customer(other)])
    assert accepted == []
    assert set(refused.values()) == {f"customer_id {OTHER}: '7'", f"customer_id {OTHER}: '{other.split('|')[0]}'"}


def test_a_refused_row_neither_conflicts_with_a_sound_one_nor_doubles_it() -> None:
    accepted, refused = settled("account", [account("A1|1|5|savings"), account("A1|1|-9|savings"), account("A1|1|x|?")])
    assert accepted == [("A1", 1, Decimal("5.00"), "savings", MONDAY)]
    assert sorted(refused.values()) == ["balance is negative: '-9'", "balance is not a plain decimal: 'x'"]


@pytest.mark.parametrize("other", ["a1", "A 1", "A1\u0301"])
def test_keys_that_look_alike_are_different_keys(other: str) -> None:
    accepted, refused = settled("account", [account("A1|1|5|savings"), account(f"{other}|2|6|checking")])
    assert sorted(row[0] for row in accepted) == sorted(["A1", other])
    assert refused == {}


def test_the_order_of_delivery_does_not_matter() -> None:
    rows = [
        account(text, day) for day in (MONDAY, TUESDAY) for text in ("B| 1|5|savings", "B|1|5.0|savings", "C|1|x|?")
    ]
    assert settled("account", rows) == settled("account", rows[::-1])


def test_a_present_but_refused_key_is_held_unless_another_of_its_rows_is_accepted() -> None:
    stg = received([{"account_id": "B"}])
    quarantine = received([{"account_id": key} for key in ("A ", "A", "B ", " ", None, "c", "\u200bd")])
    assert sorted(row["account_id"] for row in run(staging.held_account(stg, quarantine))) == ["A", "c"]


def test_a_held_customer_needs_a_number_that_can_be_read() -> None:
    stg = _engine.load(pa.table({"customer_id": pa.array([2], pa.int64())}))
    quarantine = received([{"customer_id": key} for key in ("007", "7 ", "+2", "x", "1.0", "", None)])
    assert run(staging.held_customer(stg, quarantine)) == [{"customer_id": 7}]
