-- Day 2 by hand, first half: read the full extract and find the rows that differ from the stored ones, by hash and
-- count. surplus says how many more (or fewer) of a row there are now.

CREATE TEMP TABLE received_customer AS
FROM read_csv(
    '{inputs}/Customer.csv', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
    columns = {'customer_id': 'VARCHAR', 'name': 'VARCHAR', 'has_loan': 'VARCHAR'}
);

CREATE TEMP TABLE received_account AS
FROM read_csv(
    '{inputs}/accounts.csv', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"',
    columns = {'account_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'balance': 'VARCHAR', 'account_type': 'VARCHAR'}
);

CREATE TEMP TABLE customer_difference AS
SELECT digest, sum(side) AS surplus
FROM (
    SELECT hash(customer_id, name, has_loan) AS digest, 1 AS side FROM received_customer
    UNION ALL
    SELECT hash(customer_id, name, has_loan), -1 FROM source.src_customer
)
GROUP BY digest HAVING sum(side) <> 0;

CREATE TEMP TABLE account_difference AS
SELECT digest, sum(side) AS surplus
FROM (
    SELECT hash(account_id, customer_id, balance, account_type) AS digest, 1 AS side FROM received_account
    UNION ALL
    SELECT hash(account_id, customer_id, balance, account_type), -1 FROM source.src_account
)
GROUP BY digest HAVING sum(side) <> 0;
