-- The extracts of a day as functions of the row number, so that every row can be made by itself, in parallel.
-- Draws are md5, which gives the same numbers in every version of DuckDB. Money never is a float.
--
-- Of the rows, 3 % are bad, evenly of every kind listed below. On day 2 some rows change, some are gone and some are
-- new; table `events` says which. A good row that changes draws anew whether it is bad, a bad row is mended.
-- Rows without a usable id of their own stay as they are, so that the change by raw id is all of the change.

CREATE TEMP MACRO draw(what, n) AS md5_number_lower(concat_ws('/', getvariable('seed'), what, n));
CREATE TEMP MACRO pick(words, number) AS words[1 + (number % len(words))::INTEGER];
CREATE TEMP MACRO spaced(text, number) AS
    CASE number % 16 WHEN 0 THEN ' ' || text WHEN 1 THEN text || ' ' WHEN 2 THEN chr(9) || text || '  ' ELSE text END;

-- What may be wrong: with the row's id (of its own, or that of the row before it), or with its values.
CREATE TEMP MACRO id_kinds(what) AS CASE what
    WHEN 'customer' THEN
        ['id blank', 'id INVALID', 'id not integer', 'id too large', 'repeated, same', 'repeated, different']
    ELSE ['id blank', 'repeated, same', 'repeated, different']
END;
CREATE TEMP MACRO value_kinds(what) AS CASE what
    WHEN 'customer' THEN ['name blank', 'loan odd']
    ELSE [
        'customer blank', 'customer INVALID', 'customer not integer', 'balance blank', 'balance no number',
        'balance too large', 'balance negative', 'type blank', 'type unknown'
    ]
END;
CREATE TEMP MACRO fate(kinds, number) AS CASE WHEN number % 100 < 3 THEN pick(kinds, number >> 8) ELSE 'good' END;
CREATE TEMP MACRO first_fate(what, n) AS fate(id_kinds(what) || value_kinds(what), draw(what, n));

-- Which rows meet what on day 2. The last of them to be chosen are gone; beyond the last row, rows are new.
CREATE TEMP MACRO events_of(what, row_count, changed_count, gone_count, new_count) AS TABLE
WITH movable AS (
    SELECT n FROM numbers
    WHERE n <= row_count
    AND NOT list_contains(id_kinds(what), first_fate(what, n))
    AND first_fate(what, n + 1) NOT LIKE 'repeated%'
),
chosen AS (
    SELECT n, row_number() OVER (ORDER BY lot, n) AS place
    FROM (SELECT n, draw(what || ' event', n) AS lot FROM movable ORDER BY lot, n LIMIT changed_count + gone_count)
)
SELECT what AS source, n, CASE WHEN place <= changed_count THEN 'changed' ELSE 'gone' END AS event FROM chosen
UNION ALL
SELECT what, n, 'new' FROM numbers WHERE n > row_count AND n <= row_count + new_count;

-- The rows of day 1 or 2; with `wanted`, those of these events.
-- The table numbers is one because DuckDB reads range() with one thread.
CREATE TEMP MACRO present(what, day, row_count, wanted) AS TABLE
SELECT numbers.n, met.event
FROM numbers LEFT JOIN (FROM events WHERE events.source = what) AS met USING (n)
WHERE (numbers.n <= row_count OR day = 2 AND met.event = 'new')
AND (day = 1 OR met.event IS DISTINCT FROM 'gone')
AND (wanted IS NULL OR list_contains(wanted, met.event));

-- Each step draws once: a column that is written out of another is computed again wherever it is named.
CREATE TEMP MACRO drawn(what, day, row_count, wanted) AS TABLE
SELECT
    n,
    day = 2 AND event IS NOT DISTINCT FROM 'changed' AS is_changed,
    event IS NOT DISTINCT FROM 'new' AS is_new,
    draw(what, n) AS noise,
    CASE WHEN day = 2 AND event = 'changed' THEN draw(what || ' change', n) END AS change_noise
FROM present(what, day, row_count, wanted);

-- A repeated row bears the id of the row before it, and the values too, or its own.
CREATE TEMP MACRO valued(what, day, row_count, wanted) AS TABLE
WITH judged AS (
    SELECT
        *,
        CASE
            WHEN is_changed AND first_fate(what, n) <> 'good' THEN 'good'
            WHEN is_changed THEN fate(value_kinds(what), change_noise >> 16)
            WHEN is_new THEN fate(value_kinds(what), noise)
            ELSE fate(id_kinds(what) || value_kinds(what), noise)
        END AS fate
    FROM drawn(what, day, row_count, wanted)
),
placed AS (
    SELECT
        *,
        CASE WHEN fate LIKE 'repeated%' THEN n - 1 ELSE n END AS id,
        CASE WHEN fate = 'repeated, same' THEN n - 1 ELSE n END AS origin
    FROM judged
)
SELECT *, draw(what || ' values', origin) AS value FROM placed;

CREATE TEMP MACRO customers(day, row_count, wanted) AS TABLE
WITH chosen AS (
    SELECT
        *,
        -- A change is a new family name, or a loan taken or paid back.
        is_changed AND change_noise >> 32 & 1 = 0 AS is_renamed,
        ((value >> 32) % 10 < 3) <> (is_changed AND change_noise >> 32 & 1 = 1) AS has_loan,
        pick(
            [
                'Alice', 'Bob', 'Carla', 'Dmitri', 'Emma', 'Farid', 'Grace', 'Hiro', 'Ines', 'José', 'Karl',
                'Lena', 'Mohamed', 'Nora', 'Oscar', 'Paula', 'Quentin', 'Rosa', 'Sven', 'Tara', 'Uma', 'Zoë'
            ],
            value
        ) AS given,
        pick(
            [
                'Andersen', 'Blake', 'Costa', 'de la Cruz', 'Eriksson', 'Fischer', 'Gomez', 'Hugo', 'Ivanov', 'Johnson',
                'Khan', 'Lee', 'Müller', 'Nuñez', 'O''Neil', 'Parks', 'Quist', 'Reyes', 'Smith-Jones', 'Tanaka'
            ],
            (value >> 16) + CASE WHEN is_renamed THEN 1 ELSE 0 END
        ) AS family
    FROM valued('customer', day, row_count, wanted)
),
named AS (
    SELECT *, CASE WHEN (value >> 40) % 32 = 0 THEN family || ', ' || given ELSE given || ' ' || family END AS name
    FROM chosen
)
SELECT
    CASE fate
        WHEN 'id blank' THEN pick(['', '  '], noise >> 16)
        WHEN 'id INVALID' THEN 'INVALID'
        WHEN 'id not integer' THEN pick([n || '.0', '1e3', 'C' || n, '１２'], noise >> 16)
        WHEN 'id too large' THEN '99999999999999' || lpad(n::VARCHAR, 12, '0')
        ELSE spaced(CASE (noise >> 40) % 32 WHEN 0 THEN '00' WHEN 1 THEN '+' ELSE '' END || id, noise >> 45)
    END AS CustomerID,
    CASE
        WHEN fate = 'name blank' THEN pick(['', '   '], noise >> 16)
        ELSE spaced(
            CASE (noise >> 24) % 8 WHEN 0 THEN upper(name) WHEN 1 THEN lower(name) ELSE name END,
            noise >> 28
        )
    END AS Name,
    CASE
        WHEN fate = 'loan odd' THEN pick(['maybe', 'ja', '2', '-'], noise >> 16)
        WHEN has_loan THEN spaced(pick(['Yes', 'yes', 'YES', 'Y', 'true', '1'], noise >> 32), noise >> 36)
        ELSE spaced(pick(['No', 'no', 'NO', 'n', 'False', '0', 'None', ''], noise >> 32), noise >> 36)
    END AS HasLoan
FROM named;

CREATE TEMP MACRO accounts(day, row_count, customer_count, wanted) AS TABLE
WITH moved AS (
    SELECT
        *,
        -- Of ten changes one is the owner's, one the type's, the others the balance's.
        CASE WHEN is_changed THEN (change_noise >> 32) % 10 END AS change
    FROM valued('account', day, row_count, wanted)
),
chosen AS (
    SELECT
        *,
        1 + ((value & 4294967295) + CASE change WHEN 0 THEN 1 ELSE 0 END) % customer_count AS customer,
        ((value >> 32) % 4_000_000 + CASE WHEN change > 1 THEN 1 + (change_noise >> 40) % 100_000 ELSE 0 END)
        ::DECIMAL(18, 0) * 0.01 AS balance,
        ((value >> 54) % 10 < 6) <> (change IS NOT DISTINCT FROM 1) AS is_savings
    FROM moved
)
SELECT
    CASE
        WHEN fate = 'id blank' THEN pick(['', '   '], noise >> 16)
        ELSE spaced('A' || lpad(id::VARCHAR, 9, '0'), noise >> 20)
    END AS AccountID,
    CASE fate
        WHEN 'customer blank' THEN pick(['', ' '], noise >> 16)
        WHEN 'customer INVALID' THEN 'INVALID'
        WHEN 'customer not integer' THEN pick([customer || '.0', '1e3', '0x10', '1_000'], noise >> 16)
        ELSE spaced(CASE (noise >> 24) % 32 WHEN 0 THEN '00' ELSE '' END || customer, noise >> 29)
    END AS CustomerID,
    CASE fate
        WHEN 'balance blank' THEN pick(['', ' ', 'null', 'N/A', 'None'], noise >> 16)
        WHEN 'balance no number' THEN pick(['abc', '1,000.00', '1e5', 'NaN', '12.50 USD'], noise >> 16)
        WHEN 'balance too large' THEN '99999999999999999' || balance
        WHEN 'balance negative' THEN '-' || (balance + 0.01)
        -- A half cent belongs to the value, the plus sign to the noise.
        ELSE spaced(
            CASE (noise >> 36) % 32 WHEN 0 THEN '+' ELSE '' END || balance
            || CASE (value >> 60) % 16 WHEN 0 THEN '5' ELSE '' END,
            noise >> 41
        )
    END AS Balance,
    CASE
        WHEN fate = 'type blank' THEN pick(['', '  '], noise >> 16)
        WHEN fate = 'type unknown' THEN pick(['Credit', 'Loan', 'saving'], noise >> 16)
        WHEN is_savings THEN spaced(pick(['Savings', 'Savings', 'savings', 'SAVINGS'], noise >> 46), noise >> 48)
        ELSE spaced(pick(['Checking', 'Checking', 'checking', 'CHECKING'], noise >> 46), noise >> 48)
    END AS AccountType
FROM chosen;
