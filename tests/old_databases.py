"""Databases to migrate from, made by SQL of our own after the two pipelines that went before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

Row = Sequence[Any]

CUSTOMERS: list[Row] = [(1, "Alice", "Yes"), (2, " Bob ", "No"), (3, "Carol", None)]
ACCOUNTS: list[Row] = [
    ("A1", 1, 5000.0, "Savings"), ("A2", 2, 15000.5, "savings"), ("A3", 3, 20000.0, "Checking"), ("A4", 3, 0.1, "Savings"),
]  # fmt: skip
# Customers that are refused today, and accounts that are: each in its own way.
DIRTY_CUSTOMERS: list[Row] = [*CUSTOMERS, (4, "Dave", "maybe"), (5, " ", "Yes"), (None, "Nobody", "No"), (6, "Eve", "Yes"), (6, "Eve", "Yes")]  # fmt: skip
DIRTY_ACCOUNTS: list[Row] = [
    *ACCOUNTS, ("A5", 4, 700.0, "Savings"), ("A6", 1, -5.0, "Savings"), ("A7", 1, None, "Savings"),
    ("A8", 1, 100.005, "Savings"), ("A9", 1, 10.0, "Loan"), ("A10", 99, 10.0, "Savings"), (" A11", 6, 3.0, "Savings"),
    ("A12", 1, 8.0, "Savings"), ("A12", 1, 8.0, "Savings"), ("A13", 1, 8.0, "Savings"), ("A13", 1, 9.0, "Savings"),
    ("A14", 2, float("nan"), "Savings"), (None, 1, 4.0, "Savings"), ("A15", 2, 1e17, "Checking"),
]  # fmt: skip

_RATE = """CAST(CASE WHEN {balance} < 10000 THEN 0.01 WHEN {balance} < 20000 THEN 0.015 ELSE 0.02 END
    + CASE WHEN {has_loan} THEN 0.005 ELSE 0 END AS DECIMAL(5, 3))"""

_THREE_LAYERS = """
CREATE SCHEMA "{catalog}".raw; CREATE SCHEMA main_staging; CREATE SCHEMA main_marts;
CREATE TABLE "{catalog}".raw.customers_raw (CustomerID BIGINT, Name VARCHAR, HasLoan VARCHAR);
CREATE TABLE "{catalog}".raw.accounts_raw (AccountID VARCHAR, CustomerID BIGINT, Balance DOUBLE, AccountType VARCHAR);
"""
_THREE_LAYERS_MODELS = f"""
CREATE VIEW main_staging.stg_customers__cleaned AS
SELECT CustomerID AS customer_id, lower(trim(Name)) AS name,
    CASE lower(trim(HasLoan)) WHEN 'yes' THEN 'Yes' WHEN 'no' THEN 'No' END AS has_loan
FROM "{{catalog}}"."raw"."customers_raw" WHERE CustomerID IS NOT NULL;
CREATE VIEW main_staging.stg_accounts__cleaned AS
SELECT AccountID AS account_id, CAST(CustomerID AS INTEGER) AS customer_id, TRY_CAST(Balance AS DECIMAL(10, 2)) AS balance,
    CASE lower(trim(AccountType)) WHEN 'savings' THEN 'Savings' WHEN 'checking' THEN 'Checking' END AS account_type
FROM "{{catalog}}"."raw"."accounts_raw" WHERE Balance IS NOT NULL;
CREATE TABLE main_marts.account_summary AS
WITH joined AS (
    SELECT CAST(a.customer_id AS INTEGER) AS customer_id, account_id, balance, has_loan
    FROM main_staging.stg_accounts__cleaned AS a JOIN main_staging.stg_customers__cleaned AS c USING (customer_id)
    WHERE account_type = 'Savings'
), rated AS (SELECT *, {_RATE.format(balance="balance", has_loan="has_loan = 'Yes'")} AS interest_rate FROM joined),
interest AS (SELECT *, CAST(round(balance * interest_rate, 2) AS DECIMAL(15, 2)) AS annual_interest FROM rated)
SELECT customer_id, account_id, balance AS original_balance, interest_rate, annual_interest,
    CAST(balance + annual_interest AS DECIMAL(16, 2)) AS new_balance
FROM interest;
"""


def three_layers(path: Path, customers: Iterable[Row] = CUSTOMERS, accounts: Iterable[Row] = ACCOUNTS) -> Path:
    """Make a database of three layers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute(_THREE_LAYERS.format(catalog=path.stem))
        _fill(con, f'"{path.stem}".raw.customers_raw', customers)
        _fill(con, f'"{path.stem}".raw.accounts_raw', accounts)
        con.execute(_THREE_LAYERS_MODELS.format(catalog=path.stem))
    return path


_FIVE_LAYERS = """
CREATE SCHEMA main_source; CREATE SCHEMA main_staging; CREATE SCHEMA snapshots; CREATE SCHEMA main_intermediate;
CREATE SCHEMA main_marts;
CREATE TABLE main_source.src_customer (customer_id VARCHAR, name VARCHAR, has_loan VARCHAR, loaded_at TIMESTAMP);
CREATE TABLE main_source.src_account (account_id VARCHAR, customer_id VARCHAR, balance VARCHAR, account_type VARCHAR, loaded_at TIMESTAMP);
CREATE TABLE snapshots.snap_customer (customer_id INTEGER, customer_name VARCHAR, has_loan_flag BOOLEAN, loaded_at TIMESTAMP,
    dbt_scd_id VARCHAR, dbt_updated_at TIMESTAMP, dbt_valid_from TIMESTAMP, dbt_valid_to TIMESTAMP);
CREATE TABLE snapshots.snap_account (account_id VARCHAR, customer_id INTEGER, balance_amount DECIMAL(18, 2), account_type VARCHAR,
    loaded_at TIMESTAMP, dbt_scd_id VARCHAR, dbt_updated_at TIMESTAMP, dbt_valid_from TIMESTAMP, dbt_valid_to TIMESTAMP);
"""
_STAGED = """
CREATE OR REPLACE TABLE main_staging.stg_customer AS
SELECT CAST(customer_id AS INTEGER) AS customer_id, lower(trim(name)) AS customer_name,
    lower(trim(coalesce(has_loan, ''))) = 'yes' AS has_loan_flag, loaded_at
FROM main_source.src_customer WHERE TRY_CAST(customer_id AS INTEGER) IS NOT NULL AND trim(coalesce(name, '')) <> '';
CREATE OR REPLACE TABLE main_staging.quarantine_stg_customer AS
SELECT *, 'invalid' AS failure_reason FROM main_source.src_customer
WHERE TRY_CAST(customer_id AS INTEGER) IS NULL OR trim(coalesce(name, '')) = '';
CREATE OR REPLACE TABLE main_staging.stg_account AS
SELECT trim(account_id) AS account_id, CAST(customer_id AS INTEGER) AS customer_id,
    CAST(balance AS DECIMAL(18, 2)) AS balance_amount, lower(trim(account_type)) AS account_type, loaded_at
FROM main_source.src_account
WHERE TRY_CAST(balance AS DECIMAL(18, 2)) >= 0 AND lower(trim(account_type)) IN ('savings', 'checking')
    AND trim(coalesce(account_id, '')) <> '';
CREATE OR REPLACE TABLE main_staging.quarantine_stg_account AS
SELECT *, 'invalid' AS failure_reason FROM main_source.src_account
WHERE trim(account_id) NOT IN (SELECT account_id FROM main_staging.stg_account);
"""
# Each load is later than the one before, so under dbt each load makes a version of every row.
_VERSIONED = """
UPDATE snapshots.{snap} AS old SET dbt_valid_to = new.loaded_at
FROM main_staging.{stg} AS new WHERE old.{key} = new.{key} AND old.dbt_valid_to IS NULL AND old.dbt_updated_at < new.loaded_at;
INSERT INTO snapshots.{snap} SELECT *, md5(CAST({key} AS VARCHAR) || '|' || CAST(loaded_at AS VARCHAR)), loaded_at, loaded_at, NULL
FROM main_staging.{stg} AS new
WHERE NOT EXISTS (FROM snapshots.{snap} AS old WHERE old.{key} = new.{key} AND old.dbt_valid_to IS NULL);
"""
_FIVE_LAYERS_MARTS = f"""
CREATE TABLE main_intermediate.int_account_with_customer AS
SELECT a.account_id, a.customer_id, balance_amount, account_type, customer_name, has_loan_flag,
    a.dbt_valid_from AS valid_from_at, a.dbt_valid_to AS valid_to_at
FROM snapshots.snap_account AS a JOIN snapshots.snap_customer AS c USING (customer_id)
WHERE a.dbt_valid_to IS NULL AND c.dbt_valid_to IS NULL;
CREATE TABLE main_intermediate.int_savings_account_only AS
SELECT * EXCLUDE (account_type) FROM main_intermediate.int_account_with_customer WHERE account_type = 'savings';
CREATE TABLE main_marts.account_summary AS
SELECT account_id, customer_id, balance_amount AS original_balance_amount, rate AS interest_rate_pct,
    CAST(round(balance_amount * rate, 2) AS DECIMAL(18, 2)) AS annual_interest_amount,
    CAST(balance_amount + round(balance_amount * rate, 2) AS DECIMAL(18, 2)) AS new_balance_amount, now() AS calculated_at
FROM (SELECT *, {_RATE.format(balance="balance_amount", has_loan="has_loan_flag")} AS rate FROM main_intermediate.int_savings_account_only);
CREATE TABLE main_marts.customer_profile AS
SELECT customer_id, customer_name, has_loan_flag, count(*) AS total_accounts_count,
    CAST(sum(original_balance_amount) AS DECIMAL(18, 2)) AS total_balance_amount,
    CAST(sum(annual_interest_amount) AS DECIMAL(18, 2)) AS total_annual_interest_amount, now() AS calculated_at
FROM main_intermediate.int_savings_account_only JOIN main_marts.account_summary USING (account_id, customer_id) GROUP BY ALL;
"""
FIRST_LOAD = datetime(2026, 1, 1, 6)


def five_layers(path: Path, *loads: tuple[Iterable[Row], Iterable[Row]]) -> Path:
    """Make a database of five layers by dbt, loaded day by day with customers and accounts; all once by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute(_FIVE_LAYERS)
        for number, (customers, accounts) in enumerate(loads or [(CUSTOMERS, ACCOUNTS)]):
            at = FIRST_LOAD + timedelta(days=number)
            con.execute("DELETE FROM main_source.src_customer; DELETE FROM main_source.src_account")
            _fill(con, "main_source.src_customer", [(*row, at) for row in customers])
            _fill(con, "main_source.src_account", [(*row, at) for row in accounts])
            con.execute(_STAGED)
            for name, key in (("customer", "customer_id"), ("account", "account_id")):
                con.execute(_VERSIONED.format(snap=f"snap_{name}", stg=f"stg_{name}", key=key))
        con.execute(_FIVE_LAYERS_MARTS)
    return path


def _fill(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    if rows := list(rows):
        con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
