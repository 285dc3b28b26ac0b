-- The first build by hand: the twelve tables of lc-ibis and its output files, as plainly and as fast as DuckDB allows.
-- No checks, no state, no second day, and no transaction: DuckDB reads what an open transaction wrote with one thread.
-- floor.py fills in floor_staging.sql, floor_intermediate.sql and floor_marts.sql, run_at, inputs and outputs, and what
-- staging (and its steps) and intermediate are made of: tables, or views for the lean floor.

CREATE MACRO stripped(text) AS regexp_replace(text, '\A[\x09-\x0d\x20]+|[\x09-\x0d\x20]+\z', '', 'g');
CREATE MACRO whole_number(bare) AS TRY_CAST(CASE WHEN regexp_full_match(bare, '[+-]?[0-9]+') THEN bare END AS BIGINT);
CREATE MACRO is_plain_decimal(bare) AS regexp_full_match(bare, '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)');
CREATE MACRO refusal(why, value) AS why || ': ' || coalesce('''' || left(value, 100) || '''', 'null');
CREATE MACRO run_at() AS TIMESTAMP '{run_at}';

SET preserve_insertion_order = false;

CREATE SCHEMA source;
CREATE SCHEMA staging;
CREATE SCHEMA snapshots;
CREATE SCHEMA intermediate;
CREATE SCHEMA marts;

-- Source

CREATE TABLE source.src_customer AS
SELECT *, run_at() AS loaded_at
FROM read_csv(
    '{inputs}/Customer.csv', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
    columns = {'customer_id': 'VARCHAR', 'name': 'VARCHAR', 'has_loan': 'VARCHAR'}
);

CREATE TABLE source.src_account AS
SELECT *, run_at() AS loaded_at
FROM read_csv(
    '{inputs}/accounts.csv', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
    columns = {'account_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'balance': 'VARCHAR', 'account_type': 'VARCHAR'}
);

-- Staging: accepted and refused rows. What was received is fetched again by row number.

{staging}

CREATE {kind} staging.stg_customer AS
SELECT * EXCLUDE (row_number, failure_reason) FROM customer_judged WHERE failure_reason IS NULL;

CREATE {kind} staging.quarantine_stg_customer AS
SELECT src.*, judged.failure_reason, run_at() AS quarantined_at
FROM source.src_customer AS src JOIN customer_judged AS judged ON src.rowid = judged.row_number
WHERE judged.failure_reason IS NOT NULL;

CREATE {kind} staging.stg_account AS
SELECT * EXCLUDE (row_number, failure_reason) FROM account_judged WHERE failure_reason IS NULL;

CREATE {kind} staging.quarantine_stg_account AS
SELECT src.*, judged.failure_reason, run_at() AS quarantined_at
FROM source.src_account AS src JOIN account_judged AS judged ON src.rowid = judged.row_number
WHERE judged.failure_reason IS NOT NULL;

-- Snapshots

CREATE TABLE snapshots.snap_customer AS
SELECT
    *,
    md5(customer_id || '|' || strftime(loaded_at, '%Y-%m-%d %H:%M:%S.%f')) AS dbt_scd_id,
    loaded_at AS dbt_updated_at,
    run_at() AS dbt_valid_from,
    NULL::TIMESTAMP AS dbt_valid_to
FROM staging.stg_customer;

CREATE TABLE snapshots.snap_account AS
SELECT
    *,
    md5(account_id || '|' || strftime(run_at(), '%Y-%m-%d %H:%M:%S.%f')) AS dbt_scd_id,
    run_at() AS dbt_updated_at,
    run_at() AS dbt_valid_from,
    NULL::TIMESTAMP AS dbt_valid_to
FROM staging.stg_account;

-- Intermediate

{intermediate}
-- Marts

{marts}
