-- The first build by hand: the twelve tables of lc-ibis and its output files, as plainly and as fast as DuckDB allows.
-- No checks, no state, no second day, and no transaction: DuckDB reads what an open transaction wrote with one thread.
-- run_at, inputs and outputs are given; so is what staging (and its step) and intermediate are made of: tables, or
-- views for the lean floor.

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

-- Staging: each row judged by itself, then the few keys that repeat. What was received is fetched again by row number.

CREATE {step} customer_judged AS
WITH bare AS (
    SELECT
        rowid AS row_number,
        *,
        coalesce(stripped(customer_id), '') AS bare_id,
        coalesce(lower(stripped(name)), '') AS customer_name,
        coalesce(lower(stripped(has_loan)), '') AS loan
    FROM source.src_customer
),
typed AS (SELECT *, whole_number(bare_id) AS id FROM bare),
cleaned AS MATERIALIZED (
    SELECT
        row_number,
        id AS customer_id,
        customer_name,
        loan IN ('yes', 'y', 'true', '1') AS has_loan_flag,
        loaded_at,
        CASE
            WHEN bare_id = '' THEN refusal('customer_id is blank', customer_id)
            WHEN id IS NULL THEN refusal('customer_id is not an integer', customer_id)
            WHEN customer_name = '' THEN refusal('name is blank', name)
            WHEN loan NOT IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
                THEN refusal('has_loan is neither yes nor no', has_loan)
        END AS reason
    FROM typed
),
repeated AS (
    FROM cleaned
    WHERE reason IS NULL
    AND customer_id IN (SELECT customer_id FROM cleaned WHERE reason IS NULL GROUP BY customer_id HAVING count(*) > 1)
),
compared AS (
    SELECT
        repeated.row_number,
        src.customer_id AS received,
        min((customer_name, has_loan_flag)) OVER same = max((customer_name, has_loan_flag)) OVER same AS agree,
        row_number() OVER (same ORDER BY src.customer_id, src.name, src.has_loan) AS place
    FROM repeated JOIN source.src_customer AS src ON src.rowid = repeated.row_number
    WINDOW same AS (PARTITION BY repeated.customer_id)
)
SELECT
    cleaned.* EXCLUDE (reason),
    CASE
        WHEN NOT agree THEN refusal('customer_id comes more than once, with different values', received)
        WHEN place > 1 THEN refusal('customer_id comes more than once, with the same values', received)
        ELSE reason
    END AS failure_reason
FROM cleaned LEFT JOIN compared USING (row_number);

CREATE {kind} staging.stg_customer AS
SELECT * EXCLUDE (row_number, failure_reason) FROM customer_judged WHERE failure_reason IS NULL;

CREATE {kind} staging.quarantine_stg_customer AS
SELECT src.*, judged.failure_reason, run_at() AS quarantined_at
FROM source.src_customer AS src JOIN customer_judged AS judged ON src.rowid = judged.row_number
WHERE judged.failure_reason IS NOT NULL;

CREATE {step} account_judged AS
WITH bare AS (
    SELECT
        rowid AS row_number,
        *,
        coalesce(stripped(account_id), '') AS bare_id,
        coalesce(stripped(customer_id), '') AS bare_owner_id,
        coalesce(stripped(balance), '') AS bare_balance,
        coalesce(lower(stripped(account_type)), '') AS kind
    FROM source.src_account
),
typed AS (
    SELECT
        *,
        whole_number(bare_owner_id) AS owner_id,
        CASE WHEN is_plain_decimal(bare_balance) THEN bare_balance END AS number
    FROM bare
),
valued AS (SELECT *, TRY_CAST(number AS DECIMAL(18, 2)) AS amount FROM typed),
cleaned AS MATERIALIZED (
    SELECT
        row_number,
        bare_id AS account_id,
        owner_id AS customer_id,
        amount AS balance_amount,
        kind AS account_type,
        loaded_at,
        CASE
            WHEN bare_id = '' THEN refusal('account_id is blank', account_id)
            WHEN bare_owner_id = '' THEN refusal('customer_id is blank', customer_id)
            WHEN owner_id IS NULL THEN refusal('customer_id is not an integer', customer_id)
            WHEN lower(bare_balance) IN ('', 'null', 'n/a', 'none') THEN refusal('balance is blank', balance)
            WHEN number IS NULL THEN refusal('balance is not a plain decimal', balance)
            WHEN amount IS NULL THEN refusal('balance does not fit decimal(18,2)', balance)
            -- By the text, for -0.001 is negative and rounds to zero.
            WHEN starts_with(number, '-') AND regexp_matches(number, '[1-9]')
                THEN refusal('balance is negative', balance)
            WHEN kind = '' THEN refusal('account_type is blank', account_type)
            WHEN kind NOT IN ('savings', 'checking')
                THEN refusal('account_type is neither savings nor checking', account_type)
        END AS reason
    FROM valued
),
repeated AS (
    FROM cleaned
    WHERE reason IS NULL
    AND account_id IN (SELECT account_id FROM cleaned WHERE reason IS NULL GROUP BY account_id HAVING count(*) > 1)
),
compared AS (
    SELECT
        repeated.row_number,
        src.account_id AS received,
        min((repeated.customer_id, balance_amount, repeated.account_type)) OVER same
        = max((repeated.customer_id, balance_amount, repeated.account_type)) OVER same AS agree,
        row_number() OVER (same ORDER BY src.account_id, src.customer_id, src.balance, src.account_type) AS place
    FROM repeated JOIN source.src_account AS src ON src.rowid = repeated.row_number
    WINDOW same AS (PARTITION BY repeated.account_id)
)
SELECT
    cleaned.* EXCLUDE (reason),
    CASE
        WHEN NOT agree THEN refusal('account_id comes more than once, with different values', received)
        WHEN place > 1 THEN refusal('account_id comes more than once, with the same values', received)
        ELSE reason
    END AS failure_reason
FROM cleaned LEFT JOIN compared USING (row_number);

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

CREATE {kind} intermediate.int_account_with_customer AS
SELECT
    account_id,
    customer_id,
    balance_amount,
    account_type,
    customer_name,
    has_loan_flag,
    greatest(account.dbt_valid_from, customer.dbt_valid_from) AS valid_from_at,
    account.dbt_valid_to AS valid_to_at
FROM snapshots.snap_account AS account
JOIN snapshots.snap_customer AS customer USING (customer_id)
WHERE account.dbt_valid_to IS NULL AND customer.dbt_valid_to IS NULL;

CREATE {kind} intermediate.int_savings_account_only AS
SELECT * EXCLUDE (account_type) FROM intermediate.int_account_with_customer WHERE account_type = 'savings';

-- Marts

CREATE TABLE marts.account_summary AS
WITH rated AS (
    SELECT
        *,
        (
            CASE WHEN balance_amount < 10000 THEN 0.01 WHEN balance_amount < 20000 THEN 0.015 ELSE 0.02 END
            + CASE WHEN has_loan_flag THEN 0.005 ELSE 0 END
        )::DECIMAL(5, 4) AS interest_rate_pct
    FROM intermediate.int_savings_account_only
),
earned AS (
    SELECT *, round(balance_amount * interest_rate_pct, 2)::DECIMAL(18, 2) AS annual_interest_amount FROM rated
)
SELECT
    account_id,
    customer_id,
    balance_amount AS original_balance_amount,
    interest_rate_pct,
    annual_interest_amount,
    (balance_amount + annual_interest_amount)::DECIMAL(18, 2) AS new_balance_amount,
    run_at() AS calculated_at
FROM earned;

CREATE TABLE marts.customer_profile AS
WITH totals AS (
    SELECT
        customer_id,
        count(*) AS total_accounts_count,
        sum(original_balance_amount)::DECIMAL(18, 2) AS total_balance_amount,
        sum(annual_interest_amount)::DECIMAL(18, 2) AS total_annual_interest_amount
    FROM marts.account_summary
    GROUP BY customer_id
)
SELECT
    customer_id,
    customer_name,
    has_loan_flag,
    total_accounts_count,
    total_balance_amount,
    total_annual_interest_amount,
    run_at() AS calculated_at
FROM totals JOIN snapshots.snap_customer USING (customer_id)
WHERE dbt_valid_to IS NULL;

-- Outputs

COPY (FROM marts.account_summary ORDER BY account_id) TO '{outputs}/account_summary.csv' (FORMAT csv, HEADER true);
COPY (FROM marts.account_summary ORDER BY account_id) TO '{outputs}/account_summary.parquet' (FORMAT parquet);
COPY (FROM marts.customer_profile ORDER BY customer_id) TO '{outputs}/customer_profile.csv' (FORMAT csv, HEADER true);
COPY (FROM marts.customer_profile ORDER BY customer_id) TO '{outputs}/customer_profile.parquet' (FORMAT parquet);
