"""The house's words: types of columns, and what cleaning means.

All patterns are anchored by \\A and \\z and name their characters, because engines disagree about
$, \\d and white space; all casts from text are guarded by a pattern, because engines disagree
about what a number may look like.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from lc_ibis.declare import Flag, Integer, Moment, Text
from lc_ibis.declare.invisible import ranges_in_pattern

__all__ = ["Flag", "Integer", "Moment", "Money", "Rate", "Text"]

Money = Annotated[Decimal, dt.Decimal(18, 2)]
Rate = Annotated[Decimal, dt.Decimal(5, 4)]

# The largest amount that is taken from an extract: with its interest, and in the sums of ten thousand such amounts, it
# is money still. Rows that are held count in those sums too, so what fits is not asked of the sums themselves.
LARGEST_AMOUNT = Decimal("999999999999.99")

# What a column is measured in, by the end of its name.
UNITS = {"_amount": "US dollars", "_pct": "fraction", "_count": "number", "_at": "UTC", "dbt_valid_from": "UTC",
         "dbt_valid_to": "UTC"}  # fmt: skip

# Words that no name holds, and what to write. Of short words only id and pct are read alike by everybody.
ABBREVIATIONS = {
    "acc": "account", "acct": "account", "addr": "address", "amt": "amount", "avg": "average", "bal": "balance",
    "calc": "calculated", "cnt": "count", "cust": "customer", "desc": "description", "dt": "date", "int": "interest",
    "nbr": "number", "no": "number", "num": "number", "orig": "original", "qty": "quantity", "tot": "total",
    "ts": "time", "txn": "transaction", "typ": "type", "val": "value",
}  # fmt: skip

# A rate as a factor for money: Ibis wants the wider type of the two to hold the other, and the product,
# decimal(38,6), is exact on every engine. Casting money itself to more digits costs ten times the product.
_FACTOR = dt.Decimal(20, 4)
_SUM = dt.Decimal(20, 2)

_EDGE_SPACE = r"\A[\x09-\x0d\x20]|[\x09-\x0d\x20]\z"
_WITHOUT_EDGES = r"(?s)[^\x09-\x0d\x20](?:.*[^\x09-\x0d\x20])?"
_WHOLE_NUMBER = r"\A[+-]?[0-9]+\z"
_PLAIN_DECIMAL = r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z"
_BELOW_ZERO = r"\A-.*[1-9]"
_INVISIBLE = f"[{ranges_in_pattern()}]"
_VISIBLE = rf"[^\x{{20}}{ranges_in_pattern()}]"
# How Python writes three of them; the others by their numbers, \xa0, \u200b, \U000e0001.
_LETTERS = {0x9: r"\t", 0xA: r"\n", 0xD: r"\r"}
_DIGITS = "0123456789abcdef"
# I with a dot, and sigma, whose small letter is another at a word's end on some engines.
_SMALL = {"\u0130": "i\u0307", "\u03a3": "\u03c3"}


def stripped(text: ir.StringValue) -> ir.StringValue:
    """Return the text without ASCII white space at both ends."""
    # Most texts have none, and to look is cheap. On a long run of spaces Java's time for both at once is quadratic.
    bare = text.re_extract(_WITHOUT_EDGES, 0).fill_null("")
    return ibis.ifelse(text.re_search(_EDGE_SPACE), bare, text)


def lowered(text: ir.StringValue) -> ir.StringValue:
    """Return a text in small letters, each by itself, the same on all engines."""
    for letter, small in _SMALL.items():
        text = text.replace(letter, small)
    return text.lower()


def word(bare: ir.StringValue) -> ir.StringValue:
    """Return a stripped text lowered; empty for null."""
    return lowered(bare).fill_null("")


def is_blank(bare: ir.StringValue) -> ir.BooleanValue:
    """Say whether a stripped text is null or empty."""
    return bare.fill_null("") == ""


def is_unseen(bare: ir.StringValue) -> ir.BooleanValue:
    """Say whether nothing can be seen in a text: null, empty, or of invisible characters alone."""
    return ~bare.re_search(_VISIBLE).fill_null(False)


def holds_invisible(text: ir.StringValue) -> ir.BooleanValue:
    """Say whether a text holds a character that cannot be seen, other than the space."""
    return text.re_search(_INVISIBLE).fill_null(False)


def first_invisible(text: ir.StringValue) -> ir.StringValue:
    """Return the first character that cannot be seen; empty where there is none."""
    return text.re_extract(_INVISIBLE, 0)


def written_out(text: ir.StringValue) -> ir.StringValue:
    """Return a text with each character that cannot be seen written out: \\xa0, \\u200b."""
    letters = ibis.range(0, text.length()).map(lambda place: text.substr(place, 1))
    readable = letters.map(lambda one: ibis.ifelse(one.re_search(_INVISIBLE), _escape(one), one))
    return ibis.ifelse(text.re_search(_INVISIBLE), readable.join(""), text)


def _escape(letter: ir.StringValue) -> ir.StringValue:
    code = letter.ascii_str()

    def digits(count: int) -> ir.StringValue:
        places = [(code // 16**n) % 16 for n in reversed(range(count))]
        return functools.reduce(operator.add, (ibis.literal(_DIGITS).substr(place, 1) for place in places))

    return ibis.cases(
        *((code == number, escaped) for number, escaped in _LETTERS.items()),
        (code < 0x100, ibis.literal(r"\x") + digits(2)),
        (code < 0x10000, ibis.literal(r"\u") + digits(4)),
        else_=ibis.literal(r"\U000") + digits(5),
    )


def whole_number(bare: ir.StringValue) -> ir.IntegerValue:
    """Return the int64 that a stripped text writes in plain digits; null where it does not, or does not fit."""
    return ibis.ifelse(bare.re_search(_WHOLE_NUMBER), bare, ibis.null("string")).try_cast("int64")


def is_plain_decimal(bare: ir.StringValue) -> ir.BooleanValue:
    """Say whether a stripped text is a decimal without exponent, thousands mark or NaN."""
    return bare.re_search(_PLAIN_DECIMAL).fill_null(False)


def is_below_zero(bare: ir.StringValue) -> ir.BooleanValue:
    """Say whether a plain decimal is negative; -0.00 is not."""
    return bare.re_search(_BELOW_ZERO).fill_null(False)


def money(bare: ir.StringValue) -> ir.DecimalValue:
    """Return a plain decimal as money, half a cent rounded away from zero; null where it does not fit."""
    return ibis.ifelse(is_plain_decimal(bare), bare, ibis.null("string")).try_cast(dt.Decimal(18, 2))


def is_too_large(bare: ir.StringValue) -> ir.BooleanValue:
    """Say whether a plain decimal is more than the largest amount that is taken."""
    return (money(bare) > ibis.literal(LARGEST_AMOUNT, type=dt.Decimal(18, 2))).fill_null(False)


def key_text(bare: ir.StringValue) -> ir.StringValue:
    """Return the key that a stripped text writes; null where it is blank, or holds what cannot be seen."""
    return ibis.ifelse(holds_invisible(bare), ibis.null("string"), bare.nullif(""))


def customer_number(text: ir.StringValue) -> ir.IntegerValue:
    """Return the customer that a received text means; null where it means none."""
    return whole_number(stripped(text))


def account_number(text: ir.StringValue) -> ir.StringValue:
    """Return the account that a received text means, its case kept; null where it means none."""
    return key_text(stripped(text))


def rate(fraction: Decimal) -> ir.DecimalScalar:
    """Return a rate as a literal: Decimal("0.015") is 1.5 %."""
    return ibis.literal(fraction, type=dt.Decimal(5, 4))


def share(amount: ir.DecimalValue, rate: ir.DecimalValue) -> ir.DecimalValue:
    """Return amount × rate as money, half a cent rounded away from zero; null where it does not fit."""
    return as_money((amount * rate.cast(_FACTOR)).round(2))


def total(left: ir.DecimalValue, right: ir.DecimalValue) -> ir.DecimalValue:
    """Return the sum of two amounts as money; null where it does not fit."""
    return as_money(left.cast(_SUM) + right.cast(_SUM))


def as_money(amount: ir.DecimalValue) -> ir.DecimalValue:
    """Return an amount as money; null where it does not fit, so that the contract can name the row."""
    return amount.try_cast(dt.Decimal(18, 2))


def as_text(row: ir.Table, headers: Mapping[str, str]) -> ir.StringValue:
    """Return received columns as one text, Balance='1.00', AccountType=null, that no other row shares.

    `headers` are the columns of an extract by the names of the row's.
    """
    text: ir.StringValue = ibis.literal("")
    for name, header in headers.items():
        quoted = (ibis.literal("'") + row[name].replace("'", "''") + "'").fill_null("null")
        text = text + f"{', ' if name != next(iter(headers)) else ''}{header}=" + quoted
    return text


def reason(column: str, why: str | ir.StringValue, value: ir.StringValue) -> ir.StringValue:
    """Return the reason for a refusal: the column, why, and the first 100 characters of its value."""
    shown = (ibis.literal("'") + value.left(100) + "'").fill_null("null")
    start = ibis.literal(f"{column} {why}: ") if isinstance(why, str) else ibis.literal(f"{column} ") + why + ": "
    return start + shown
