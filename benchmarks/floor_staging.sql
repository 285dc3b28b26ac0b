-- Staging's steps: each row judged by itself, then the few keys that repeat. Rows are known by their row number.

CREATE {step} {prefix}customer_judged AS
WITH bare AS (
    SELECT
        rowid AS row_number,
        *,
        coalesce(stripped(customer_id), '') AS bare_id,
        coalesce(lower(stripped(name)), '') AS customer_name,
        coalesce(lower(stripped(has_loan)), '') AS loan
    FROM {customer_rows}
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
    FROM repeated JOIN {customer_rows} AS src ON src.rowid = repeated.row_number
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

CREATE {step} {prefix}account_judged AS
WITH bare AS (
    SELECT
        rowid AS row_number,
        *,
        coalesce(stripped(account_id), '') AS bare_id,
        coalesce(stripped(customer_id), '') AS bare_owner_id,
        coalesce(stripped(balance), '') AS bare_balance,
        coalesce(lower(stripped(account_type)), '') AS kind
    FROM {account_rows}
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
    FROM repeated JOIN {account_rows} AS src ON src.rowid = repeated.row_number
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
