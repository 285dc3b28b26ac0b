-- Day 2 of the floor that stores its layers: what was judged replaces what staging has of it. Rows without a key are
-- known by their hash.

DELETE FROM staging.stg_customer WHERE customer_id IN (FROM touched_customer);
INSERT INTO staging.stg_customer
SELECT * EXCLUDE (row_number, failure_reason) FROM touched_customer_judged WHERE failure_reason IS NULL;

DELETE FROM staging.quarantine_stg_customer
WHERE whole_number(stripped(customer_id)) IN (FROM touched_customer)
OR hash(customer_id, name, has_loan) IN (SELECT digest FROM customer_difference);
INSERT INTO staging.quarantine_stg_customer
SELECT src.*, judged.failure_reason, run_at()
FROM rows_of_customer AS src JOIN touched_customer_judged AS judged ON src.rowid = judged.row_number
WHERE judged.failure_reason IS NOT NULL;

DELETE FROM staging.stg_account WHERE account_id IN (FROM touched_account);
INSERT INTO staging.stg_account
SELECT * EXCLUDE (row_number, failure_reason) FROM touched_account_judged WHERE failure_reason IS NULL;

DELETE FROM staging.quarantine_stg_account
WHERE stripped(account_id) IN (FROM touched_account)
OR hash(account_id, customer_id, balance, account_type) IN (SELECT digest FROM account_difference);
INSERT INTO staging.quarantine_stg_account
SELECT src.*, judged.failure_reason, run_at()
FROM rows_of_account AS src JOIN touched_account_judged AS judged ON src.rowid = judged.row_number
WHERE judged.failure_reason IS NOT NULL;

-- Intermediate: the accounts that the change reaches.

DELETE FROM intermediate.int_account_with_customer WHERE account_id IN (FROM reached_account);
DELETE FROM intermediate.int_savings_account_only WHERE account_id IN (FROM reached_account);

{intermediate}
