-- Intermediate, whole on the first day or of the reached accounts on the second.

{into_late} intermediate.int_account_with_customer{as}
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
WHERE account.dbt_valid_to IS NULL AND customer.dbt_valid_to IS NULL
{and_reached_account};

{into_late} intermediate.int_savings_account_only{as}
SELECT * EXCLUDE (account_type) FROM intermediate.int_account_with_customer WHERE account_type = 'savings'
{and_reached_account};
