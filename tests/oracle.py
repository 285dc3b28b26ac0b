"""What the tables must be, in plain Python: lists, dictionaries and Decimal, nothing of the package.

Times are the numbers of the loads: 1, 2, 3, … A load hands in the rows of both extracts as tuples of text or None.
"""

from __future__ import annotations

import decimal
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
SPACE = " \t\n\r\x0b\x0c"
YES, NO = {"yes", "y", "true", "1"}, {"no", "n", "false", "0", "none", ""}
Text = str | None
EXACT = decimal.Context(prec=200)
# Of Default_Ignorable_Code_Point what is in no class of is_invisible, by first and last; and letters that are blank.
IGNORED = (
    "\u034f\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2065\u2065\u3164\u3164\ufe00\ufe0f\uffa0\uffa0\ufff0\ufff8"
    "\U000e0000\U000e0fff"
)
BLANK_LETTERS = "\u2800\U00016fe4\U0001d159"


def bare(text: Text) -> str:
    return (text or "").strip(SPACE)


def is_invisible(letter: str) -> bool:
    """Say whether a character cannot be seen; the space can."""
    if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") or letter in BLANK_LETTERS:
        return True
    ignored = any(first <= letter <= last for first, last in zip(IGNORED[::2], IGNORED[1::2], strict=True))
    # Signs that a later Unicode has, and this Python may not.
    later = "\U00013430" <= letter <= "\U0001343f"
    return ignored or later or (unicodedata.category(letter) == "Zs" and letter != " ")


def is_blank(text: str) -> bool:
    return all(letter == " " or is_invisible(letter) for letter in text)


def lowered(text: str) -> str:
    return text.replace("Σ", "σ").lower()


def whole(text: Text) -> int | None:
    if not re.fullmatch("[+-]?[0-9]+", bare(text)):
        return None
    number = int(bare(text))
    return number if -(2**63) <= number < 2**63 else None


def judge_customer(row: tuple[Text, ...]) -> tuple[str | None, Any, Any]:
    """Return the column that refuses the row or None, its key, and its clean values."""
    number, name, loan = row
    key, flag = whole(number), bare(loan).lower()
    refused = (
        "customer_id"
        if key is None
        else "name"
        if is_blank(bare(name))
        else "has_loan"
        if flag not in YES | NO
        else None
    )
    return refused, key, (lowered(bare(name)), flag in YES)


def judge_account(row: tuple[Text, ...]) -> tuple[str | None, Any, Any]:
    account, owner, balance, kind = row
    key = bare(account) or None
    if any(map(is_invisible, key or "")):
        key = None
    amount = money(balance)
    clean_kind = bare(kind).lower()
    refused = (
        "account_id" if key is None
        else "customer_id" if whole(owner) is None
        else "balance" if amount is None
        else "account_type" if clean_kind not in ("savings", "checking")
        else None
    )  # fmt: skip
    return refused, key, (whole(owner), amount, clean_kind)


def money(text: Text) -> Decimal | None:
    if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", bare(text)):
        return None
    exact = Decimal(bare(text))
    if exact < 0:
        return None
    rounded = abs(exact.quantize(CENT, ROUND_HALF_UP, EXACT))
    return rounded if rounded < 10**12 else None


def quoted(text: Text) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


@dataclass
class Source:
    """One source's rows, its last judgement, and its history."""

    judge: Any
    by_timestamp: bool
    received: dict[tuple[Text, ...], list[int]] = field(default_factory=dict)
    accepted: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    refused: Counter[tuple[tuple[Text, ...], str]] = field(default_factory=Counter)
    present: set[Any] = field(default_factory=set)
    history: list[dict[str, Any]] = field(default_factory=list)
    ever_held: bool = False

    def load(self, rows: list[tuple[Text, ...]], now: int) -> None:
        counts = Counter(tuple(value or None for value in row) for row in rows)
        self.received = {
            text: (sorted(self.received.get(text, []))[:count] + [now] * count)[:count]
            for text, count in counts.items()
        }
        self._judge()
        self._remember(now)

    def _judge(self) -> None:
        self.accepted, self.refused, self.present = {}, Counter(), set()
        by_key: dict[Any, list[tuple[tuple[Text, ...], Any, int]]] = {}
        for text, times in self.received.items():
            refused, key, values = self.judge(text)
            if key is not None:
                self.present.add(key)
            for time in times:
                if refused:
                    self.refused[text, refused] += 1
                else:
                    by_key.setdefault(key, []).append((text, values, time))
        for key, group in by_key.items():
            texts = sorted((text for text, _, _ in group), key=lambda t: [(v is None, v or "") for v in t])
            if len({values for _, values, _ in group}) == 1:
                self.accepted[key] = (group[0][1], min(time for _, _, time in group))
                texts = texts[1:]
            for text in texts:
                self.refused[text, "customer_id" if self.by_timestamp else "account_id"] += 1

    def _remember(self, now: int) -> None:
        for version in self.current().values():
            new = self.accepted.get(version["key"])
            if new is None:
                if version["key"] in self.present:
                    self.ever_held = True
                else:
                    version["to"] = now
            elif new[0] != version["values"] and (not self.by_timestamp or new[1] > version["updated"]):
                version["to"] = now
        open_keys = self.current()
        for key, (values, loaded) in self.accepted.items():
            if key not in open_keys:
                updated = loaded if self.by_timestamp else now
                self.history.append(
                    {"key": key, "values": values, "loaded": loaded, "updated": updated, "from": now, "to": None}
                )

    def current(self) -> dict[Any, dict[str, Any]]:
        return {version["key"]: version for version in self.history if version["to"] is None}

    def published(self) -> dict[Any, Any]:
        """Return the values by key that this load's marts are made from."""
        return {key: version["values"] for key, version in self.current().items()}


@dataclass
class Oracle:
    customers: Source = field(default_factory=lambda: Source(judge_customer, by_timestamp=True))
    accounts: Source = field(default_factory=lambda: Source(judge_account, by_timestamp=False))
    past: list[tuple[dict[Any, Any], dict[Any, Any]]] = field(default_factory=list)
    past_refusals: list[dict[str, int]] = field(default_factory=list)

    def load(self, customers: list[tuple[Text, ...]], accounts: list[tuple[Text, ...]]) -> None:
        now = len(self.past) + 1
        self.customers.load(customers, now)
        self.accounts.load(accounts, now)
        self.past.append((self.customers.published(), self.accounts.published()))
        self.past_refusals.append(self.refusals())

    def refusals(self) -> dict[str, int]:
        """Return by received text how often it is refused."""
        sources = ((self.customers, ("CustomerID", "Name", "HasLoan")),
                   (self.accounts, ("AccountID", "CustomerID", "Balance", "AccountType")))  # fmt: skip
        return {
            ", ".join(f"{header}={quoted(value)}" for header, value in zip(headers, text, strict=True)): count
            for source, headers in sources
            for (text, _), count in source.refused.items()
        }

    @property
    def ever_held(self) -> bool:
        return self.customers.ever_held or self.accounts.ever_held

    def joined(self) -> dict[str, tuple[Any, ...]]:
        """account_id: customer_id, balance, type, name, loan, since when"""
        owners = self.customers.current()
        return {
            key: (*account["values"], *owners[account["values"][0]]["values"],
                  max(account["from"], owners[account["values"][0]]["from"]))
            for key, account in self.accounts.current().items()
            if account["values"][0] in owners
        }  # fmt: skip

    def account_summary(self) -> dict[str, tuple[Any, ...]]:
        """account_id: customer_id, balance, rate, interest, new balance"""
        summary = {}
        for key, (owner, balance, kind, _, loan, _) in self.joined().items():
            if kind == "savings":
                tier = "0.01" if balance < 10_000 else "0.015" if balance < 20_000 else "0.02"
                rate = Decimal(tier) + (Decimal("0.005") if loan else 0)
                interest = (balance * rate).quantize(CENT, ROUND_HALF_UP)
                summary[key] = (owner, balance, rate, interest, balance + interest)
        return summary

    def customer_profile(self) -> dict[int, tuple[Any, ...]]:
        """customer_id: name, loan, accounts, balance, interest"""
        totals: dict[int, list[Any]] = {}
        for owner, balance, _, interest, _ in self.account_summary().values():
            total = totals.setdefault(owner, [0, Decimal(0), Decimal(0)])
            total[0] += 1
            total[1] += balance
            total[2] += interest
        owners = self.customers.current()
        return {owner: (*owners[owner]["values"], *total) for owner, total in totals.items()}
