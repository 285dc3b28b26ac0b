"""Why a row of an old mart is not ours, or one of its values: from what was received and refused, never by guess.

A value is only explained where the received row proves ours, and the old one follows from what the old pipeline read,
by the same rule. What follows from nothing that is known stays unexplained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from lc_ibis.backends.duckdb.text import literal, quoted
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.store import Store
from lc_ibis.errors import MigrationError
from lc_ibis.layers.marts import BASE_RATES, LOAN_SURCHARGE
from lc_ibis.layers.staging import YES
from lc_ibis.migrations.comparing import SPACE, Explain, Pair, Row, plain_key
from lc_ibis.migrations.histories import History
from lc_ibis.migrations.names import OldTable
from lc_ibis.migrations.old import OldDatabase

CENT = Decimal("0.01")
# By whether the old history has a version open: why the old mart has a row of a key that is gone.
_GONE = {
    True: "dbt leaves its version open, here it is closed",
    False: "dbt closed its version, and the old mart kept the row",
}


@dataclass
class Facts:
    """What is known of some accounts and their customers, by number: received, refused, current, and as of old."""

    old: OldDatabase
    store: Store
    pipeline: Pipeline
    tables: tuple[OldTable, ...]
    histories: dict[str, History]
    keys: set[str]
    customers: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        named = ", ".join(literal(key) for key in sorted(self.keys)) or "NULL"
        number = f"trim(account_id, {literal(SPACE)})"
        self.received = self._by_key("src_account", "account_id", f"{number} IN ({named})")
        self.refused = self._by_key("quarantine_stg_account", "account_id", f"coalesce({number}, '') IN ('', {named})")
        self.current = self._by_key("snap_account", "account_id", f"dbt_valid_to IS NULL AND account_id IN ({named})")
        self.alone = self._by_key("int_account_without_customer", "account_id", f"account_id IN ({named})")
        self.customers |= {row["customer_id"] for rows in self.current.values() for row in rows}
        self.old_accounts = self._as_of_old("stg_account", "account_id")
        self.customers |= {
            int(r["customer_id"]) for rs in self.old_accounts.values() for r in rs if r.get("customer_id")
        }
        owners = ", ".join(map(str, sorted(self.customers))) or "NULL"
        owner = f"TRY_CAST(trim(customer_id, {literal(SPACE)}) AS BIGINT)"
        self.received_customers = self._by_key("src_customer", "customer_id", f"{owner} IN ({owners})", int)
        self.refused_customers = self._by_key("quarantine_stg_customer", "customer_id", f"{owner} IN ({owners})", int)
        self.old_customers = self._as_of_old("stg_customer", "customer_id")
        self.old_is_open = self._old_is_open("snap_account", "account_id", named)
        self.old_customer_is_open = self._old_is_open("snap_customer", "customer_id", owners)
        self.old_types = self._old_types(named)

    def _by_key(self, model: str, key: str, where: str, kind: type = str) -> dict[Any, list[Row]]:
        name = quoted(self.pipeline[model].layer, model)
        result = self.store.con.con.execute(f"FROM {name} WHERE {where}")
        names = [column[0] for column in result.description]
        return _grouped((dict(zip(names, row, strict=True)) for row in result.fetchall()), key, kind)

    def _as_of_old(self, model: str, key: str) -> dict[Any, list[Row]]:
        """Return the rows of the old staging table in place of ours, by our names; none where it cannot be read."""
        table = next((t for t in self.tables if t.model == model), None)
        relation = self.old.relation(table.schema, table.name) if table else None
        if table is None or relation is None:
            return {}
        columns = [c for c in table.columns if c.name in relation.columns and not c.new.endswith("_at")]
        try:
            rows = self.old.rows(f"SELECT {', '.join(quoted(c.name) for c in columns)} FROM {self.old.sql(relation)}")
        except MigrationError:
            return {}
        found = (dict(zip((c.new for c in columns), row, strict=True)) for row in rows)
        wanted = self.keys if key == "account_id" else self.customers
        return {k: r for k, r in _grouped(found, key, str if key == "account_id" else int).items() if k in wanted}

    def _old_is_open(self, model: str, key: str, named: str) -> dict[Any, bool]:
        """Return whether the old history has a version of each key open; dbt closes what is gone only where told to."""
        if not (history := self.histories.get(model)):
            return {}
        column = quoted(history.columns[key])
        wanted = f"{column} IN ({named}) GROUP BY ALL"
        query = f"SELECT {column}, bool_or({history.is_current}) FROM {history.whole_name} WHERE {wanted}"
        return {plain_key(name): is_open for name, is_open in self.old.rows(query)}

    def _old_types(self, named: str) -> dict[Any, str]:
        """Return the type that the old history's open version of each account has."""
        if not (history := self.histories.get("snap_account")):
            return {}
        key, type_ = (quoted(history.columns[name]) for name in ("account_id", "account_type"))
        number = f"trim({key}, {literal(SPACE)})"
        return dict(self.old.rows(
            f"SELECT {number}, any_value({type_}) FROM {history.whole_name} WHERE {history.is_current} "
            f"AND {number} IN ({named}) GROUP BY ALL HAVING count(DISTINCT {type_}) = 1"
        ))  # fmt: skip


def _grouped(rows: Iterable[Row], key: str, kind: type) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        value = plain_key(row[key])
        found.setdefault(None if value is None else kind(value), []).append(row)
    return found


def accounts(facts: Facts) -> Explain:
    """Return who explains the rows of the old account_summary."""

    def explain(pair: Pair, column: str | None) -> str | None:
        if pair.new is None:
            return _gone(facts, pair.key)
        if pair.old is None:
            return _come(facts, pair.key)
        assert column
        return _value(facts, pair.key, column, pair.old, pair.new)

    return explain


def _gone(facts: Facts, key: Any) -> str | None:
    if key in facts.refused:
        return "; ".join(sorted({f"refused: {row['failure_reason']}" for row in facts.refused[key]}))
    if key in facts.alone:
        owner = facts.alone[key][0]["customer_id"]
        if owner in facts.refused_customers:
            return f"its customer {owner} is refused: {facts.refused_customers[owner][0]['failure_reason']}"
        if owner not in facts.received_customers and owner in facts.old_customer_is_open:
            return f"no received row has its customer {owner} any more; {_GONE[facts.old_customer_is_open[owner]]}"
        return None
    now = facts.current.get(key)
    if not now:
        if key not in facts.received and key in facts.old_is_open:
            return f"no received row has it any more; {_GONE[facts.old_is_open[key]]}"
        return None
    if now[0]["account_type"] != "savings":
        return f"its type is {now[0]['account_type']}"
    owner = now[0]["customer_id"]
    twice = [row for row in facts.refused_customers.get(owner, []) if "comes more than once" in row["failure_reason"]]
    return f"its customer {owner} came more than once, and the old join took each of its rows" if twice else None


def _come(facts: Facts, key: Any) -> str | None:
    now = facts.current.get(key)
    if not now:
        return None
    if key in facts.refused:
        return f"held: its row is refused ({facts.refused[key][0]['failure_reason']}), its last good version stays"
    before = facts.old_accounts.get(key)
    if before is None:
        return "the old staging has no row of it" if facts.old_accounts else None
    if before[0].get("balance_amount") is None:
        return f"the old staging could not read its balance {_texts(facts, key, 'balance')}"
    if str(before[0].get("account_type")).lower() != "savings":
        return f"the old staging did not take its type {_texts(facts, key, 'account_type')} for savings"
    if facts.old_types.get(key, "savings") != "savings":
        return f"the old history has its type as {facts.old_types[key]!r}, which its mart does not take for savings"
    owner = now[0]["customer_id"]
    if facts.old_customers and owner not in facts.old_customers:
        return f"the old staging has no customer {owner}"
    return None


def _texts(facts: Facts, key: Any, column: str) -> str:
    return ", ".join(sorted({repr(row[column]) for row in facts.received.get(key, [])}))


def _value(facts: Facts, key: Any, column: str, old: Row, new: Row) -> str | None:
    if column == "account_id":
        return "white space at its ends is taken away" if plain_key(old[column]) == new[column] else None
    if key in facts.refused and key in facts.current and not _accepted(facts, key):
        return f"held: its row is refused ({facts.refused[key][0]['failure_reason']}), its last good version stays"
    if column == "original_balance_amount":
        return _balance(facts, key, old[column], new[column])
    if column == "interest_rate_pct":
        return _rate(facts, key, old, new)
    if column == "annual_interest_amount":
        return _interest(facts, key, old, new)
    if column == "new_balance_amount":
        is_sum = old[column] == _sum(old) and new[column] == _sum(new)
        return "follows from balance and interest" if is_sum else None
    return None


def _accepted(facts: Facts, key: Any) -> bool:
    return len(facts.received.get(key, [])) > len(facts.refused.get(key, []))


def _sum(row: Row) -> Decimal | None:
    parts = row["original_balance_amount"], row["annual_interest_amount"]
    return None if None in parts else parts[0] + parts[1]


def _balance(facts: Facts, key: Any, old: Decimal | None, new: Decimal) -> str | None:
    """The received number, in decimal, must round to ours; the old one must be next to it, or not be there."""
    for row in facts.received.get(key, []):
        exact = _decimal(row["balance"])
        if exact is None or exact.quantize(CENT, ROUND_HALF_UP) != new:
            continue
        if old is None:
            return f"{exact:f} did not fit the old type" if not _fits(facts, exact) else None
        if abs(old - exact) < CENT:
            return f"{exact:f} rounds to {new}, half a cent away from zero; the old pipeline rounded otherwise"
    return None


def _fits(facts: Facts, number: Decimal) -> bool:
    """Say whether a number fits the decimal that the old balances are."""
    columns = [(t, c) for t in facts.tables for c in t.columns if c.new == "original_balance_amount"]
    for table, column in columns:
        relation = facts.old.relation(table.schema, table.name)
        found = relation and re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", relation.columns.get(column.name, ""))
        if found and abs(number) >= Decimal(10) ** (int(found[1]) - int(found[2])):
            return False
    return True


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal((text or "").strip(SPACE))
    except InvalidOperation:
        return None


def interest_rate(balance: Decimal | None, has_loan: bool) -> Decimal:
    """Return the yearly rate, as the business has it; a balance that is null is below no limit, as in SQL."""
    low, middle, high = BASE_RATES
    base = high if balance is None else low if balance < 10_000 else middle if balance < 20_000 else high
    return base + (LOAN_SURCHARGE if has_loan else Decimal(0))


def _rate(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    """Both rates must be the rule's, each with what its pipeline read; and what ours read must be what was received."""
    now, before = facts.current.get(key), facts.old_customers.get(new["customer_id"])
    received = facts.received_customers.get(new["customer_id"])
    if not now or not before or not received:
        return None
    theirs = before[0].get("has_loan_flag")
    did = theirs if isinstance(theirs, bool) else str(theirs).lower() == "yes"
    does = (received[0]["has_loan"] or "").strip(SPACE).lower() in YES
    if old["original_balance_amount"] is None and not _balance(facts, key, None, new["original_balance_amount"]):
        return None
    by_rule = old["interest_rate_pct"] == interest_rate(old["original_balance_amount"], did)
    if not by_rule or new["interest_rate_pct"] != interest_rate(new["original_balance_amount"], does):
        return None
    if did != does:
        return f"the old staging read HasLoan {received[0]['has_loan']!r} as {theirs!r}"
    return "follows from the balance"


def _interest(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    """Ours must be exact; the old one must follow from its own balance and rate, to within a cent."""
    balance, rate = old["original_balance_amount"], old["interest_rate_pct"]
    interest = old["annual_interest_amount"]
    exact_new = new["original_balance_amount"] * new["interest_rate_pct"]
    if new["annual_interest_amount"] != exact_new.quantize(CENT, ROUND_HALF_UP):
        return None
    if balance is None and interest is None:
        return "follows from the balance" if _balance(facts, key, None, new["original_balance_amount"]) else None
    if None in (balance, rate, interest):
        return None
    if interest == (balance * rate).quantize(CENT, ROUND_HALF_UP):
        return "follows from balance and rate"
    if abs(interest - balance * rate) < CENT:
        return f"{exact_new:f} rounds to {new['annual_interest_amount']}; the old pipeline rounded otherwise"
    return None
