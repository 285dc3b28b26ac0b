"""What is known of the accounts and customers whose rows differ: in our tables, and in the old ones.

All queries behind the reasons for differences are here; the causes themselves only look at what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lc_ibis.backends.duckdb.text import literal, quoted
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.engine.store import Store
from lc_ibis.errors import MigrationError
from lc_ibis.migrations.comparing import SPACE, Row, plain_key
from lc_ibis.migrations.histories import History
from lc_ibis.migrations.names import OldTable
from lc_ibis.migrations.old import OldDatabase

# By number of an account or a customer. Key None is what has none.
Rows = dict[Any, list[Row]]


@dataclass(frozen=True)
class Facts:
    """Rows of accounts and customers by number, each as its table has them; a number without rows is left out.

    `alone` are current accounts without a customer. `old_accounts` and `old_customers` are of the old staging, empty
    where it cannot be read. `old_is_open` and `old_customer_is_open` say whether the old history has a version open.
    `old_types` are the types there. Balances from `old_balance_limit` on do not fit the old type.
    """

    received: Rows
    refused: Rows
    current: Rows
    alone: Rows
    received_customers: Rows
    refused_customers: Rows
    old_accounts: Rows
    old_customers: Rows
    old_is_open: dict[Any, bool]
    old_customer_is_open: dict[Any, bool]
    old_types: dict[Any, str]
    old_balance_limit: Decimal | None


@dataclass(frozen=True)
class Sides:
    """Where facts are read: our tables and the old ones, with the old histories that were found."""

    store: Store
    pipeline: Pipeline
    old: OldDatabase
    tables: tuple[OldTable, ...]
    histories: dict[str, History]


def read(sides: Sides, accounts: set[str], customers: set[int]) -> Facts:
    """Read what is known of accounts, and of customers: those given, and the owners of the accounts."""
    named = ", ".join(literal(key) for key in sorted(accounts)) or "NULL"
    number = f"trim(account_id, {literal(SPACE)})"
    received = _ours(sides, "src_account", "account_id", f"{number} IN ({named})")
    refused = _ours(sides, "quarantine_stg_account", "account_id", f"coalesce({number}, '') IN ('', {named})")
    current = _ours(sides, "snap_account", "account_id", f"dbt_valid_to IS NULL AND account_id IN ({named})")
    alone = _ours(sides, "int_account_without_customer", "account_id", f"account_id IN ({named})")
    old_accounts = _old_staging(sides, "stg_account", "account_id", accounts, str)
    customers = customers | {row["customer_id"] for rows in current.values() for row in rows}
    customers |= {int(r["customer_id"]) for rows in old_accounts.values() for r in rows if r.get("customer_id")}
    owners = ", ".join(map(str, sorted(customers))) or "NULL"
    owner = f"TRY_CAST(trim(customer_id, {literal(SPACE)}) AS BIGINT)"
    return Facts(
        received, refused, current, alone,
        received_customers=_ours(sides, "src_customer", "customer_id", f"{owner} IN ({owners})", int),
        refused_customers=_ours(sides, "quarantine_stg_customer", "customer_id", f"{owner} IN ({owners})", int),
        old_accounts=old_accounts,
        old_customers=_old_staging(sides, "stg_customer", "customer_id", customers, int),
        old_is_open=_old_is_open(sides, "snap_account", "account_id", named),
        old_customer_is_open=_old_is_open(sides, "snap_customer", "customer_id", owners),
        old_types=_old_types(sides, named),
        old_balance_limit=_old_balance_limit(sides),
    )  # fmt: skip


def _ours(sides: Sides, model: str, key: str, where: str, kind: type = str) -> Rows:
    """Return rows of one of our tables."""
    name = quoted(sides.pipeline[model].layer, model)
    result = sides.store.con.con.execute(f"FROM {name} WHERE {where}")
    names = [column[0] for column in result.description]
    return _grouped((dict(zip(names, row, strict=True)) for row in result.fetchall()), key, kind)


def _old_staging(sides: Sides, model: str, key: str, wanted: Iterable[Any], kind: type) -> Rows:
    """Return rows of the old staging table in place of ours, by our names; none where it cannot be read."""
    table = next((t for t in sides.tables if t.model == model), None)
    relation = sides.old.relation(table.schema, table.name) if table else None
    if table is None or relation is None:
        return {}
    columns = [c for c in table.columns if c.name in relation.columns and not c.new.endswith("_at")]
    names = ", ".join(quoted(c.name) for c in columns)
    try:
        rows = sides.old.rows(f"SELECT {names} FROM {sides.old.sql(relation)}")
    except MigrationError:
        return {}
    found = _grouped((dict(zip((c.new for c in columns), row, strict=True)) for row in rows), key, kind)
    return {number: found[number] for number in found if number in wanted}


def _old_is_open(sides: Sides, model: str, key: str, named: str) -> dict[Any, bool]:
    """Return whether the old history has a version of each key open; dbt closes what is gone only where told to."""
    if not (history := sides.histories.get(model)):
        return {}
    column = quoted(history.columns[key])
    wanted = f"{column} IN ({named}) GROUP BY ALL"
    query = f"SELECT {column}, bool_or({history.is_current}) FROM {history.whole_name} WHERE {wanted}"
    return {plain_key(name): is_open for name, is_open in sides.old.rows(query)}


def _old_types(sides: Sides, named: str) -> dict[Any, str]:
    """Return the type that the old history's open version of each account has."""
    if not (history := sides.histories.get("snap_account")):
        return {}
    key, type_ = (quoted(history.columns[name]) for name in ("account_id", "account_type"))
    number = f"trim({key}, {literal(SPACE)})"
    return dict(sides.old.rows(
        f"SELECT {number}, any_value({type_}) FROM {history.whole_name} WHERE {history.is_current} "
        f"AND {number} IN ({named}) GROUP BY ALL HAVING count(DISTINCT {type_}) = 1"
    ))  # fmt: skip


def _old_balance_limit(sides: Sides) -> Decimal | None:
    """Return the least number that is too large for the decimals that old balances are."""
    limits = []
    for table, column in ((t, c) for t in sides.tables for c in t.columns if c.new == "original_balance_amount"):
        relation = sides.old.relation(table.schema, table.name)
        if found := relation and re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", relation.columns.get(column.name, "")):
            limits.append(Decimal(10) ** (int(found[1]) - int(found[2])))
    return min(limits, default=None)


def _grouped(rows: Iterable[Row], key: str, kind: type) -> Rows:
    found: Rows = {}
    for row in rows:
        value = plain_key(row[key])
        found.setdefault(None if value is None else kind(value), []).append(row)
    return found
