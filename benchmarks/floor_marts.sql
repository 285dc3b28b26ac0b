-- The marts, whole on the first day or of the reached keys on the second, and the output files.

{into} marts.account_summary{as}
WITH rated AS (
    SELECT
        *,
        (
            CASE WHEN balance_amount < 10000 THEN 0.01 WHEN balance_amount < 20000 THEN 0.015 ELSE 0.02 END
            + CASE WHEN has_loan_flag THEN 0.005 ELSE 0 END
        )::DECIMAL(5, 4) AS interest_rate_pct
    FROM intermediate.int_savings_account_only
    {of_reached_account}
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

{into} marts.customer_profile{as}
WITH totals AS (
    SELECT
        customer_id,
        count(*) AS total_accounts_count,
        sum(original_balance_amount)::DECIMAL(18, 2) AS total_balance_amount,
        sum(annual_interest_amount)::DECIMAL(18, 2) AS total_annual_interest_amount
    FROM marts.account_summary
    {of_reached_customer}
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
