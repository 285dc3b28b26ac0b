-- Day 2 by hand, second half: from the rows that differ to the output files. The lean floor has only source, snapshots
-- and marts to keep; for the other, floor.py fills in floor_stored.sql.

CREATE OR REPLACE MACRO run_at() AS TIMESTAMP '{run_at}';

-- Source: the outdated rows go, the new ones come; what both are about is remembered.

CREATE TEMP TABLE gone_customer AS
SELECT src.rowid AS row_number, src.customer_id
FROM source.src_customer AS src JOIN customer_difference ON digest = hash(customer_id, name, has_loan)
WHERE surplus < 0
QUALIFY row_number() OVER (PARTITION BY digest) <= -surplus;

CREATE TEMP TABLE new_customer AS
SELECT received.*
FROM received_customer AS received JOIN customer_difference ON digest = hash(customer_id, name, has_loan)
WHERE surplus > 0
QUALIFY row_number() OVER (PARTITION BY digest) <= surplus;

CREATE TEMP TABLE gone_account AS
SELECT src.rowid AS row_number, src.account_id
FROM source.src_account AS src
JOIN account_difference ON digest = hash(account_id, customer_id, balance, account_type)
WHERE surplus < 0
QUALIFY row_number() OVER (PARTITION BY digest) <= -surplus;

CREATE TEMP TABLE new_account AS
SELECT received.*
FROM received_account AS received
JOIN account_difference ON digest = hash(account_id, customer_id, balance, account_type)
WHERE surplus > 0
QUALIFY row_number() OVER (PARTITION BY digest) <= surplus;

DELETE FROM source.src_customer WHERE rowid IN (SELECT row_number FROM gone_customer);
DELETE FROM source.src_account WHERE rowid IN (SELECT row_number FROM gone_account);
INSERT INTO source.src_customer SELECT *, run_at() FROM new_customer;
INSERT INTO source.src_account SELECT *, run_at() FROM new_account;

CREATE TEMP TABLE touched_customer AS
SELECT DISTINCT whole_number(stripped(customer_id)) AS customer_id
FROM (SELECT customer_id FROM gone_customer UNION ALL SELECT customer_id FROM new_customer)
WHERE whole_number(stripped(customer_id)) IS NOT NULL;

CREATE TEMP TABLE touched_account AS
SELECT DISTINCT stripped(account_id) AS account_id
FROM (SELECT account_id FROM gone_account UNION ALL SELECT account_id FROM new_account)
WHERE stripped(account_id) <> '';

CREATE TEMP TABLE rows_of_customer AS
FROM source.src_customer
WHERE whole_number(stripped(customer_id)) IN (SELECT customer_id FROM touched_customer)
{or_customer_without_key};

CREATE TEMP TABLE rows_of_account AS
FROM source.src_account
WHERE stripped(account_id) IN (SELECT account_id FROM touched_account)
{or_account_without_key};

-- Staging: the rows of the touched keys are judged.
{staging}

-- Snapshots: a refused row that is still present holds its key; an account's version ends where a value differs, a
-- customer's where a row's text has come later.

CREATE TEMP TABLE closed_customer AS
SELECT now.customer_id
FROM snapshots.snap_customer AS now
JOIN touched_customer USING (customer_id)
LEFT JOIN touched_customer_judged AS judged
    ON judged.customer_id = now.customer_id AND judged.failure_reason IS NULL
WHERE now.dbt_valid_to IS NULL
AND CASE
    WHEN judged.customer_id IS NOT NULL THEN now.dbt_updated_at < judged.loaded_at
    ELSE now.customer_id NOT IN (SELECT customer_id FROM touched_customer_judged WHERE customer_id IS NOT NULL)
END;

CREATE TEMP TABLE closed_account AS
SELECT now.account_id, now.customer_id
FROM snapshots.snap_account AS now
JOIN touched_account USING (account_id)
LEFT JOIN touched_account_judged AS judged
    ON judged.account_id = now.account_id AND judged.failure_reason IS NULL
WHERE now.dbt_valid_to IS NULL
AND CASE
    WHEN judged.account_id IS NOT NULL THEN
        (now.customer_id, now.balance_amount, now.account_type)
        <> (judged.customer_id, judged.balance_amount, judged.account_type)
    ELSE now.account_id NOT IN (SELECT account_id FROM touched_account_judged)
END;

UPDATE snapshots.snap_customer SET dbt_valid_to = run_at()
WHERE dbt_valid_to IS NULL AND customer_id IN (FROM closed_customer);
UPDATE snapshots.snap_account SET dbt_valid_to = run_at()
WHERE dbt_valid_to IS NULL AND account_id IN (SELECT account_id FROM closed_account);

INSERT INTO snapshots.snap_customer
SELECT
    * EXCLUDE (row_number, failure_reason),
    md5(customer_id || '|' || strftime(loaded_at, '%Y-%m-%d %H:%M:%S.%f')),
    loaded_at,
    run_at(),
    NULL
FROM touched_customer_judged
WHERE failure_reason IS NULL
AND customer_id NOT IN (SELECT customer_id FROM snapshots.snap_customer WHERE dbt_valid_to IS NULL);

INSERT INTO snapshots.snap_account
SELECT
    * EXCLUDE (row_number, failure_reason),
    md5(account_id || '|' || strftime(run_at(), '%Y-%m-%d %H:%M:%S.%f')),
    run_at(),
    run_at(),
    NULL
FROM touched_account_judged
WHERE failure_reason IS NULL
AND account_id NOT IN (SELECT account_id FROM snapshots.snap_account WHERE dbt_valid_to IS NULL);

-- Marts: the accounts and owners that a change reaches are calculated anew.

CREATE TEMP TABLE reached_account AS
SELECT account_id FROM touched_account
UNION
SELECT account_id FROM snapshots.snap_account
WHERE dbt_valid_to IS NULL AND customer_id IN (FROM touched_customer);

CREATE TEMP TABLE reached_customer AS
FROM touched_customer
UNION
SELECT customer_id FROM snapshots.snap_account WHERE account_id IN (FROM reached_account);

{stored}

DELETE FROM marts.account_summary WHERE account_id IN (FROM reached_account);
DELETE FROM marts.customer_profile WHERE customer_id IN (FROM reached_customer);
{marts}
