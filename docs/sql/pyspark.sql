-- Each table's whole SQL in the dialect pyspark. Generated from the models by python docs/generate.py.

-- src_customer
SELECT
  `t0`.`customer_id`,
  `t0`.`name`,
  `t0`.`has_loan`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `loaded_at`
FROM `received_src_customer` AS `t0`;

-- src_account
SELECT
  `t0`.`account_id`,
  `t0`.`customer_id`,
  `t0`.`balance`,
  `t0`.`account_type`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `loaded_at`
FROM `received_src_account` AS `t0`;

-- customer_cleaned
SELECT
  `t1`.`received_customer_id`,
  `t1`.`received_name`,
  `t1`.`received_has_loan`,
  TRY_CAST(IF(
    `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
    `t1`.`customer_id`,
    CAST(NULL AS STRING)
  ) AS BIGINT) AS `customer_id`,
  LOWER(REPLACE(REPLACE(`t1`.`name`, 'İ', 'i̇'), 'Σ', 'σ')) AS `customer_name`,
  COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1') AS `has_loan_flag`,
  `t1`.`loaded_at`,
  CASE
    WHEN COALESCE(`t1`.`customer_id`, '') = ''
    THEN CONCAT(
      'customer_id is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN TRY_CAST(IF(
      `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
      `t1`.`customer_id`,
      CAST(NULL AS STRING)
    ) AS BIGINT) IS NULL
    THEN CONCAT(
      'customer_id is not an integer: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN NOT (
      COALESCE(
        `t1`.`name` RLIKE '[^\\x{20}\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
        FALSE
      )
    )
    THEN CONCAT(
      'name is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_name`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_name`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN NOT (
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
    )
    THEN CONCAT(
      'has_loan is neither yes nor no: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_has_loan`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_has_loan`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    ELSE NULL
  END AS `failure_reason`
FROM (
  SELECT
    `t0`.`customer_id` AS `received_customer_id`,
    `t0`.`name` AS `received_name`,
    `t0`.`has_loan` AS `received_has_loan`,
    IF(
      `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`customer_id`
    ) AS `customer_id`,
    IF(
      `t0`.`name` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`name`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`name`
    ) AS `name`,
    IF(
      `t0`.`has_loan` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`has_loan`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`has_loan`
    ) AS `has_loan`,
    `t0`.`loaded_at`
  FROM `source`.`src_customer` AS `t0`
) AS `t1`;

-- account_cleaned
SELECT
  `t1`.`received_account_id`,
  `t1`.`received_customer_id`,
  `t1`.`received_balance`,
  `t1`.`received_account_type`,
  IF(
    COALESCE(
      `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
      FALSE
    ),
    CAST(NULL AS STRING),
    NULLIF(`t1`.`account_id`, '')
  ) AS `account_id`,
  TRY_CAST(IF(
    `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
    `t1`.`customer_id`,
    CAST(NULL AS STRING)
  ) AS BIGINT) AS `customer_id`,
  TRY_CAST(IF(
    COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
    `t1`.`balance`,
    CAST(NULL AS STRING)
  ) AS DECIMAL(18, 2)) AS `balance_amount`,
  COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') AS `account_type`,
  `t1`.`loaded_at`,
  CASE
    WHEN COALESCE(`t1`.`account_id`, '') = ''
    THEN CONCAT(
      'account_id is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_account_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(
      `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
      FALSE
    )
    THEN CONCAT(
      CONCAT(
        CONCAT(
          'account_id ',
          CONCAT(
            CONCAT(
              'holds ',
              REGEXP_EXTRACT(
                `t1`.`account_id`,
                '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                0
              )
            ),
            ', which cannot be seen'
          )
        ),
        ': '
      ),
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_account_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(`t1`.`customer_id`, '') = ''
    THEN CONCAT(
      'customer_id is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN TRY_CAST(IF(
      `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
      `t1`.`customer_id`,
      CAST(NULL AS STRING)
    ) AS BIGINT) IS NULL
    THEN CONCAT(
      'customer_id is not an integer: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(LOWER(REPLACE(REPLACE(`t1`.`balance`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('', 'null', 'n/a', 'none')
    THEN CONCAT(
      'balance is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_balance`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN NOT (
      COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE)
    )
    THEN CONCAT(
      'balance is not a plain decimal: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_balance`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN TRY_CAST(IF(
      COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
      `t1`.`balance`,
      CAST(NULL AS STRING)
    ) AS DECIMAL(18, 2)) IS NULL
    THEN CONCAT(
      'balance does not fit decimal(18,2): ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_balance`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(`t1`.`balance` RLIKE '\\A-.*[1-9]', FALSE)
    THEN CONCAT(
      'balance is negative: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_balance`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(
      TRY_CAST(IF(
        COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
        `t1`.`balance`,
        CAST(NULL AS STRING)
      ) AS DECIMAL(18, 2)) > CAST('999999999999.99' AS DECIMAL(18, 2)),
      FALSE
    )
    THEN CONCAT(
      'balance is more than 999999999999.99: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_balance`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN COALESCE(`t1`.`account_type`, '') = ''
    THEN CONCAT(
      'account_type is blank: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_account_type`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN NOT (
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('savings', 'checking')
    )
    THEN CONCAT(
      'account_type is neither savings nor checking: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t1`.`received_account_type`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    ELSE NULL
  END AS `failure_reason`
FROM (
  SELECT
    `t0`.`account_id` AS `received_account_id`,
    `t0`.`customer_id` AS `received_customer_id`,
    `t0`.`balance` AS `received_balance`,
    `t0`.`account_type` AS `received_account_type`,
    IF(
      `t0`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`account_id`
    ) AS `account_id`,
    IF(
      `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`customer_id`
    ) AS `customer_id`,
    IF(
      `t0`.`balance` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`balance`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`balance`
    ) AS `balance`,
    IF(
      `t0`.`account_type` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`account_type`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`account_type`
    ) AS `account_type`,
    `t0`.`loaded_at`
  FROM `source`.`src_account` AS `t0`
) AS `t1`;

-- customer_repeated
WITH `t3` AS (
  SELECT
    *
  FROM (
    SELECT
      `t1`.`received_customer_id`,
      `t1`.`received_name`,
      `t1`.`received_has_loan`,
      TRY_CAST(IF(
        `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t1`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      LOWER(REPLACE(REPLACE(`t1`.`name`, 'İ', 'i̇'), 'Σ', 'σ')) AS `customer_name`,
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1') AS `has_loan_flag`,
      `t1`.`loaded_at`,
      CASE
        WHEN COALESCE(`t1`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t1`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(
            `t1`.`name` RLIKE '[^\\x{20}\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
            FALSE
          )
        )
        THEN CONCAT(
          'name is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_name`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_name`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
        )
        THEN CONCAT(
          'has_loan is neither yes nor no: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_has_loan`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_has_loan`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM (
      SELECT
        `t0`.`customer_id` AS `received_customer_id`,
        `t0`.`name` AS `received_name`,
        `t0`.`has_loan` AS `received_has_loan`,
        IF(
          `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`customer_id`
        ) AS `customer_id`,
        IF(
          `t0`.`name` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`name`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`name`
        ) AS `name`,
        IF(
          `t0`.`has_loan` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`has_loan`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`has_loan`
        ) AS `has_loan`,
        `t0`.`loaded_at`
      FROM `source`.`src_customer` AS `t0`
    ) AS `t1`
  ) AS `t2`
  WHERE
    `t2`.`failure_reason` IS NULL
)
SELECT
  `t9`.`received_customer_id`,
  `t9`.`received_name`,
  `t9`.`received_has_loan`,
  `t9`.`customer_id`,
  `t9`.`customer_name`,
  `t9`.`has_loan_flag`,
  `t9`.`loaded_at`,
  CASE
    WHEN NOT (
      (
        MIN(`t9`.`customer_name`) OVER (
          PARTITION BY `t9`.`customer_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) = MAX(`t9`.`customer_name`) OVER (
          PARTITION BY `t9`.`customer_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
      )
      AND (
        BOOL_AND(`t9`.`has_loan_flag`) OVER (
          PARTITION BY `t9`.`customer_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) = BOOL_OR(`t9`.`has_loan_flag`) OVER (
          PARTITION BY `t9`.`customer_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
      )
    )
    THEN CONCAT(
      'customer_id comes more than once, with different values: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t9`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN (
      ROW_NUMBER() OVER (
        PARTITION BY `t9`.`customer_id`
        ORDER BY `t9`.`received_customer_id` ASC NULLS LAST, `t9`.`received_name` ASC NULLS LAST, `t9`.`received_has_loan` ASC NULLS LAST, `t9`.`loaded_at` ASC NULLS LAST
      ) - 1
    ) > 0
    THEN CONCAT(
      'customer_id comes more than once, with the same values: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t9`.`received_customer_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_customer_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    ELSE NULL
  END AS `failure_reason`,
  MIN(`t9`.`loaded_at`) OVER (
    PARTITION BY `t9`.`customer_id`
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  ) AS `first_loaded_at`
FROM (
  SELECT
    `t5`.`received_customer_id`,
    `t5`.`received_name`,
    `t5`.`received_has_loan`,
    `t5`.`customer_id`,
    `t5`.`customer_name`,
    `t5`.`has_loan_flag`,
    `t5`.`loaded_at`,
    `t5`.`failure_reason`
  FROM `t3` AS `t5`
  LEFT SEMI JOIN (
    SELECT
      `t6`.`customer_id`
    FROM (
      SELECT
        `t4`.`customer_id`,
        COUNT(*) AS `CountStar()`
      FROM `t3` AS `t4`
      GROUP BY
        1
    ) AS `t6`
    WHERE
      `t6`.`CountStar()` > 1
  ) AS `t8`
    ON `t5`.`customer_id` = `t8`.`customer_id`
) AS `t9`;

-- account_repeated
WITH `t3` AS (
  SELECT
    *
  FROM (
    SELECT
      `t1`.`received_account_id`,
      `t1`.`received_customer_id`,
      `t1`.`received_balance`,
      `t1`.`received_account_type`,
      IF(
        COALESCE(
          `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        ),
        CAST(NULL AS STRING),
        NULLIF(`t1`.`account_id`, '')
      ) AS `account_id`,
      TRY_CAST(IF(
        `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t1`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      TRY_CAST(IF(
        COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
        `t1`.`balance`,
        CAST(NULL AS STRING)
      ) AS DECIMAL(18, 2)) AS `balance_amount`,
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') AS `account_type`,
      `t1`.`loaded_at`,
      CASE
        WHEN COALESCE(`t1`.`account_id`, '') = ''
        THEN CONCAT(
          'account_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        )
        THEN CONCAT(
          CONCAT(
            CONCAT(
              'account_id ',
              CONCAT(
                CONCAT(
                  'holds ',
                  REGEXP_EXTRACT(
                    `t1`.`account_id`,
                    '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                    0
                  )
                ),
                ', which cannot be seen'
              )
            ),
            ': '
          ),
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t1`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(LOWER(REPLACE(REPLACE(`t1`.`balance`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('', 'null', 'n/a', 'none')
        THEN CONCAT(
          'balance is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE)
        )
        THEN CONCAT(
          'balance is not a plain decimal: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
          `t1`.`balance`,
          CAST(NULL AS STRING)
        ) AS DECIMAL(18, 2)) IS NULL
        THEN CONCAT(
          'balance does not fit decimal(18,2): ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`balance` RLIKE '\\A-.*[1-9]', FALSE)
        THEN CONCAT(
          'balance is negative: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          TRY_CAST(IF(
            COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
            `t1`.`balance`,
            CAST(NULL AS STRING)
          ) AS DECIMAL(18, 2)) > CAST('999999999999.99' AS DECIMAL(18, 2)),
          FALSE
        )
        THEN CONCAT(
          'balance is more than 999999999999.99: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`account_type`, '') = ''
        THEN CONCAT(
          'account_type is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('savings', 'checking')
        )
        THEN CONCAT(
          'account_type is neither savings nor checking: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM (
      SELECT
        `t0`.`account_id` AS `received_account_id`,
        `t0`.`customer_id` AS `received_customer_id`,
        `t0`.`balance` AS `received_balance`,
        `t0`.`account_type` AS `received_account_type`,
        IF(
          `t0`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`account_id`
        ) AS `account_id`,
        IF(
          `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`customer_id`
        ) AS `customer_id`,
        IF(
          `t0`.`balance` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`balance`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`balance`
        ) AS `balance`,
        IF(
          `t0`.`account_type` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`account_type`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`account_type`
        ) AS `account_type`,
        `t0`.`loaded_at`
      FROM `source`.`src_account` AS `t0`
    ) AS `t1`
  ) AS `t2`
  WHERE
    `t2`.`failure_reason` IS NULL
)
SELECT
  `t9`.`received_account_id`,
  `t9`.`received_customer_id`,
  `t9`.`received_balance`,
  `t9`.`received_account_type`,
  `t9`.`account_id`,
  `t9`.`customer_id`,
  `t9`.`balance_amount`,
  `t9`.`account_type`,
  `t9`.`loaded_at`,
  CASE
    WHEN NOT (
      (
        MIN(`t9`.`customer_id`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) = MAX(`t9`.`customer_id`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
      )
      AND (
        MIN(`t9`.`balance_amount`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) = MAX(`t9`.`balance_amount`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
      )
      AND (
        MIN(`t9`.`account_type`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) = MAX(`t9`.`account_type`) OVER (
          PARTITION BY `t9`.`account_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
      )
    )
    THEN CONCAT(
      'account_id comes more than once, with different values: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t9`.`received_account_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_account_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    WHEN (
      ROW_NUMBER() OVER (
        PARTITION BY `t9`.`account_id`
        ORDER BY `t9`.`received_account_id` ASC NULLS LAST, `t9`.`received_customer_id` ASC NULLS LAST, `t9`.`received_balance` ASC NULLS LAST, `t9`.`received_account_type` ASC NULLS LAST, `t9`.`loaded_at` ASC NULLS LAST
      ) - 1
    ) > 0
    THEN CONCAT(
      'account_id comes more than once, with the same values: ',
      COALESCE(
        CONCAT(
          CONCAT(
            '\'',
            SUBSTRING(
              `t9`.`received_account_id`,
              IF((
                0 + 1
              ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_account_id`)),
              100
            )
          ),
          '\''
        ),
        'null'
      )
    )
    ELSE NULL
  END AS `failure_reason`,
  MIN(`t9`.`loaded_at`) OVER (
    PARTITION BY `t9`.`account_id`
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  ) AS `first_loaded_at`
FROM (
  SELECT
    `t5`.`received_account_id`,
    `t5`.`received_customer_id`,
    `t5`.`received_balance`,
    `t5`.`received_account_type`,
    `t5`.`account_id`,
    `t5`.`customer_id`,
    `t5`.`balance_amount`,
    `t5`.`account_type`,
    `t5`.`loaded_at`,
    `t5`.`failure_reason`
  FROM `t3` AS `t5`
  LEFT SEMI JOIN (
    SELECT
      `t6`.`account_id`
    FROM (
      SELECT
        `t4`.`account_id`,
        COUNT(*) AS `CountStar()`
      FROM `t3` AS `t4`
      GROUP BY
        1
    ) AS `t6`
    WHERE
      `t6`.`CountStar()` > 1
  ) AS `t8`
    ON `t5`.`account_id` = `t8`.`account_id`
) AS `t9`;

-- stg_customer
WITH `t3` AS (
  SELECT
    *
  FROM (
    SELECT
      `t1`.`received_customer_id`,
      `t1`.`received_name`,
      `t1`.`received_has_loan`,
      TRY_CAST(IF(
        `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t1`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      LOWER(REPLACE(REPLACE(`t1`.`name`, 'İ', 'i̇'), 'Σ', 'σ')) AS `customer_name`,
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1') AS `has_loan_flag`,
      `t1`.`loaded_at`,
      CASE
        WHEN COALESCE(`t1`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t1`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(
            `t1`.`name` RLIKE '[^\\x{20}\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
            FALSE
          )
        )
        THEN CONCAT(
          'name is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_name`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_name`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t1`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
        )
        THEN CONCAT(
          'has_loan is neither yes nor no: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_has_loan`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_has_loan`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM (
      SELECT
        `t0`.`customer_id` AS `received_customer_id`,
        `t0`.`name` AS `received_name`,
        `t0`.`has_loan` AS `received_has_loan`,
        IF(
          `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`customer_id`
        ) AS `customer_id`,
        IF(
          `t0`.`name` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`name`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`name`
        ) AS `name`,
        IF(
          `t0`.`has_loan` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`has_loan`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`has_loan`
        ) AS `has_loan`,
        `t0`.`loaded_at`
      FROM `source`.`src_customer` AS `t0`
    ) AS `t1`
  ) AS `t2`
  WHERE
    `t2`.`failure_reason` IS NULL
), `t10` AS (
  SELECT
    `t9`.`received_customer_id`,
    `t9`.`received_name`,
    `t9`.`received_has_loan`,
    `t9`.`customer_id`,
    `t9`.`customer_name`,
    `t9`.`has_loan_flag`,
    `t9`.`loaded_at`,
    CASE
      WHEN NOT (
        (
          MIN(`t9`.`customer_name`) OVER (
            PARTITION BY `t9`.`customer_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) = MAX(`t9`.`customer_name`) OVER (
            PARTITION BY `t9`.`customer_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          )
        )
        AND (
          BOOL_AND(`t9`.`has_loan_flag`) OVER (
            PARTITION BY `t9`.`customer_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) = BOOL_OR(`t9`.`has_loan_flag`) OVER (
            PARTITION BY `t9`.`customer_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          )
        )
      )
      THEN CONCAT(
        'customer_id comes more than once, with different values: ',
        COALESCE(
          CONCAT(
            CONCAT(
              '\'',
              SUBSTRING(
                `t9`.`received_customer_id`,
                IF((
                  0 + 1
                ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_customer_id`)),
                100
              )
            ),
            '\''
          ),
          'null'
        )
      )
      WHEN (
        ROW_NUMBER() OVER (
          PARTITION BY `t9`.`customer_id`
          ORDER BY `t9`.`received_customer_id` ASC NULLS LAST, `t9`.`received_name` ASC NULLS LAST, `t9`.`received_has_loan` ASC NULLS LAST, `t9`.`loaded_at` ASC NULLS LAST
        ) - 1
      ) > 0
      THEN CONCAT(
        'customer_id comes more than once, with the same values: ',
        COALESCE(
          CONCAT(
            CONCAT(
              '\'',
              SUBSTRING(
                `t9`.`received_customer_id`,
                IF((
                  0 + 1
                ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_customer_id`)),
                100
              )
            ),
            '\''
          ),
          'null'
        )
      )
      ELSE NULL
    END AS `failure_reason`,
    MIN(`t9`.`loaded_at`) OVER (
      PARTITION BY `t9`.`customer_id`
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS `first_loaded_at`
  FROM (
    SELECT
      `t5`.`received_customer_id`,
      `t5`.`received_name`,
      `t5`.`received_has_loan`,
      `t5`.`customer_id`,
      `t5`.`customer_name`,
      `t5`.`has_loan_flag`,
      `t5`.`loaded_at`,
      `t5`.`failure_reason`
    FROM `t3` AS `t5`
    LEFT SEMI JOIN (
      SELECT
        `t6`.`customer_id`
      FROM (
        SELECT
          `t4`.`customer_id`,
          COUNT(*) AS `CountStar()`
        FROM `t3` AS `t4`
        GROUP BY
          1
      ) AS `t6`
      WHERE
        `t6`.`CountStar()` > 1
    ) AS `t8`
      ON `t5`.`customer_id` = `t8`.`customer_id`
  ) AS `t9`
)
SELECT
  *
FROM (
  SELECT
    `t5`.`customer_id`,
    `t5`.`customer_name`,
    `t5`.`has_loan_flag`,
    `t5`.`loaded_at`
  FROM `t3` AS `t5`
  LEFT ANTI JOIN `t10` AS `t12`
    ON `t5`.`customer_id` = `t12`.`customer_id`
) AS `t14`
UNION ALL
SELECT
  *
FROM (
  SELECT
    `t11`.`customer_id`,
    `t11`.`customer_name`,
    `t11`.`has_loan_flag`,
    `t11`.`first_loaded_at` AS `loaded_at`
  FROM `t10` AS `t11`
  WHERE
    `t11`.`failure_reason` IS NULL
) AS `t13`;

-- quarantine_stg_customer
WITH `t1` AS (
  SELECT
    `t0`.`customer_id` AS `received_customer_id`,
    `t0`.`name` AS `received_name`,
    `t0`.`has_loan` AS `received_has_loan`,
    IF(
      `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`customer_id`
    ) AS `customer_id`,
    IF(
      `t0`.`name` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`name`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`name`
    ) AS `name`,
    IF(
      `t0`.`has_loan` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`has_loan`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`has_loan`
    ) AS `has_loan`,
    `t0`.`loaded_at`
  FROM `source`.`src_customer` AS `t0`
), `t5` AS (
  SELECT
    *
  FROM (
    SELECT
      `t2`.`received_customer_id`,
      `t2`.`received_name`,
      `t2`.`received_has_loan`,
      TRY_CAST(IF(
        `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t2`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      LOWER(REPLACE(REPLACE(`t2`.`name`, 'İ', 'i̇'), 'Σ', 'σ')) AS `customer_name`,
      COALESCE(LOWER(REPLACE(REPLACE(`t2`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1') AS `has_loan_flag`,
      `t2`.`loaded_at`,
      CASE
        WHEN COALESCE(`t2`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t2`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(
            `t2`.`name` RLIKE '[^\\x{20}\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
            FALSE
          )
        )
        THEN CONCAT(
          'name is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_name`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_name`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t2`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
        )
        THEN CONCAT(
          'has_loan is neither yes nor no: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_has_loan`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_has_loan`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM `t1` AS `t2`
  ) AS `t4`
  WHERE
    `t4`.`failure_reason` IS NULL
)
SELECT
  `t15`.`customer_id`,
  `t15`.`name`,
  `t15`.`has_loan`,
  `t15`.`loaded_at`,
  `t15`.`failure_reason`,
  MD5(
    CONCAT(
      CONCAT(
        CONCAT(
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT('', 'CustomerID='),
                  COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                ),
                ', Name='
              ),
              COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`name`, '\'', '\'\'')), '\''), 'null')
            ),
            ', HasLoan='
          ),
          COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`has_loan`, '\'', '\'\'')), '\''), 'null')
        ),
        ': '
      ),
      `t15`.`failure_reason`
    )
  ) AS `refusal_id`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `quarantined_at`
FROM (
  SELECT
    `t14`.`received_customer_id` AS `customer_id`,
    `t14`.`received_name` AS `name`,
    `t14`.`received_has_loan` AS `has_loan`,
    `t14`.`loaded_at`,
    IF(
      `t14`.`failure_reason` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
      IF(
        SIZE(
          TRANSFORM(
            TRANSFORM(
              IF(
                (
                  1 <> 0
                ) AND (
                  SIGN(1) = SIGN(LENGTH(`t14`.`failure_reason`) - 0)
                ),
                IF(
                  ELEMENT_AT(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1))
                  ) = LENGTH(`t14`.`failure_reason`),
                  SLICE(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    1,
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)) - 1
                  ),
                  SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)
                ),
                ARRAY()
              ),
              __ibis_param_place__ -> SUBSTRING(
                `t14`.`failure_reason`,
                IF(
                  (
                    __ibis_param_place__ + 1
                  ) >= 1,
                  __ibis_param_place__ + 1,
                  __ibis_param_place__ + 1 + LENGTH(`t14`.`failure_reason`)
                ),
                1
              )
            ),
            __ibis_param_one__ -> IF(
              __ibis_param_one__ RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
              CASE
                WHEN ASCII(__ibis_param_one__) = 9
                THEN '\\t'
                WHEN ASCII(__ibis_param_one__) = 10
                THEN '\\n'
                WHEN ASCII(__ibis_param_one__) = 13
                THEN '\\r'
                WHEN ASCII(__ibis_param_one__) < 256
                THEN CONCAT(
                  '\\x',
                  CONCAT(
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                WHEN ASCII(__ibis_param_one__) < 65536
                THEN CONCAT(
                  '\\u',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                ELSE CONCAT(
                  '\\U000',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        CONCAT(
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    65536
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          ),
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    4096
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          )
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
              END,
              __ibis_param_one__
            )
          )
        ) > 0,
        CONCAT_WS(
          '',
          TRANSFORM(
            TRANSFORM(
              IF(
                (
                  1 <> 0
                ) AND (
                  SIGN(1) = SIGN(LENGTH(`t14`.`failure_reason`) - 0)
                ),
                IF(
                  ELEMENT_AT(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1))
                  ) = LENGTH(`t14`.`failure_reason`),
                  SLICE(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    1,
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)) - 1
                  ),
                  SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)
                ),
                ARRAY()
              ),
              __ibis_param_place__ -> SUBSTRING(
                `t14`.`failure_reason`,
                IF(
                  (
                    __ibis_param_place__ + 1
                  ) >= 1,
                  __ibis_param_place__ + 1,
                  __ibis_param_place__ + 1 + LENGTH(`t14`.`failure_reason`)
                ),
                1
              )
            ),
            __ibis_param_one__ -> IF(
              __ibis_param_one__ RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
              CASE
                WHEN ASCII(__ibis_param_one__) = 9
                THEN '\\t'
                WHEN ASCII(__ibis_param_one__) = 10
                THEN '\\n'
                WHEN ASCII(__ibis_param_one__) = 13
                THEN '\\r'
                WHEN ASCII(__ibis_param_one__) < 256
                THEN CONCAT(
                  '\\x',
                  CONCAT(
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                WHEN ASCII(__ibis_param_one__) < 65536
                THEN CONCAT(
                  '\\u',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                ELSE CONCAT(
                  '\\U000',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        CONCAT(
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    65536
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          ),
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    4096
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          )
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
              END,
              __ibis_param_one__
            )
          )
        ),
        NULL
      ),
      `t14`.`failure_reason`
    ) AS `failure_reason`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t2`.`received_customer_id`,
        `t2`.`received_name`,
        `t2`.`received_has_loan`,
        `t2`.`loaded_at`,
        CASE
          WHEN COALESCE(`t2`.`customer_id`, '') = ''
          THEN CONCAT(
            'customer_id is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_customer_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN TRY_CAST(IF(
            `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
            `t2`.`customer_id`,
            CAST(NULL AS STRING)
          ) AS BIGINT) IS NULL
          THEN CONCAT(
            'customer_id is not an integer: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_customer_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN NOT (
            COALESCE(
              `t2`.`name` RLIKE '[^\\x{20}\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
              FALSE
            )
          )
          THEN CONCAT(
            'name is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_name`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_name`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN NOT (
            COALESCE(LOWER(REPLACE(REPLACE(`t2`.`has_loan`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
          )
          THEN CONCAT(
            'has_loan is neither yes nor no: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_has_loan`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_has_loan`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          ELSE NULL
        END AS `failure_reason`
      FROM `t1` AS `t2`
    ) AS `t3`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t12`.`received_customer_id`,
        `t12`.`received_name`,
        `t12`.`received_has_loan`,
        `t12`.`loaded_at`,
        `t12`.`failure_reason`
      FROM (
        SELECT
          `t11`.`received_customer_id`,
          `t11`.`received_name`,
          `t11`.`received_has_loan`,
          `t11`.`customer_id`,
          `t11`.`customer_name`,
          `t11`.`has_loan_flag`,
          `t11`.`loaded_at`,
          CASE
            WHEN NOT (
              (
                MIN(`t11`.`customer_name`) OVER (
                  PARTITION BY `t11`.`customer_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) = MAX(`t11`.`customer_name`) OVER (
                  PARTITION BY `t11`.`customer_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
              )
              AND (
                BOOL_AND(`t11`.`has_loan_flag`) OVER (
                  PARTITION BY `t11`.`customer_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) = BOOL_OR(`t11`.`has_loan_flag`) OVER (
                  PARTITION BY `t11`.`customer_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
              )
            )
            THEN CONCAT(
              'customer_id comes more than once, with different values: ',
              COALESCE(
                CONCAT(
                  CONCAT(
                    '\'',
                    SUBSTRING(
                      `t11`.`received_customer_id`,
                      IF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t11`.`received_customer_id`)),
                      100
                    )
                  ),
                  '\''
                ),
                'null'
              )
            )
            WHEN (
              ROW_NUMBER() OVER (
                PARTITION BY `t11`.`customer_id`
                ORDER BY `t11`.`received_customer_id` ASC NULLS LAST, `t11`.`received_name` ASC NULLS LAST, `t11`.`received_has_loan` ASC NULLS LAST, `t11`.`loaded_at` ASC NULLS LAST
              ) - 1
            ) > 0
            THEN CONCAT(
              'customer_id comes more than once, with the same values: ',
              COALESCE(
                CONCAT(
                  CONCAT(
                    '\'',
                    SUBSTRING(
                      `t11`.`received_customer_id`,
                      IF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t11`.`received_customer_id`)),
                      100
                    )
                  ),
                  '\''
                ),
                'null'
              )
            )
            ELSE NULL
          END AS `failure_reason`,
          MIN(`t11`.`loaded_at`) OVER (
            PARTITION BY `t11`.`customer_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS `first_loaded_at`
        FROM (
          SELECT
            `t7`.`received_customer_id`,
            `t7`.`received_name`,
            `t7`.`received_has_loan`,
            `t7`.`customer_id`,
            `t7`.`customer_name`,
            `t7`.`has_loan_flag`,
            `t7`.`loaded_at`,
            `t7`.`failure_reason`
          FROM `t5` AS `t7`
          LEFT SEMI JOIN (
            SELECT
              `t8`.`customer_id`
            FROM (
              SELECT
                `t6`.`customer_id`,
                COUNT(*) AS `CountStar()`
              FROM `t5` AS `t6`
              GROUP BY
                1
            ) AS `t8`
            WHERE
              `t8`.`CountStar()` > 1
          ) AS `t10`
            ON `t7`.`customer_id` = `t10`.`customer_id`
        ) AS `t11`
      ) AS `t12`
    ) AS `t13`
  ) AS `t14`
  WHERE
    `t14`.`failure_reason` IS NOT NULL
) AS `t15`;

-- stg_account
WITH `t3` AS (
  SELECT
    *
  FROM (
    SELECT
      `t1`.`received_account_id`,
      `t1`.`received_customer_id`,
      `t1`.`received_balance`,
      `t1`.`received_account_type`,
      IF(
        COALESCE(
          `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        ),
        CAST(NULL AS STRING),
        NULLIF(`t1`.`account_id`, '')
      ) AS `account_id`,
      TRY_CAST(IF(
        `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t1`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      TRY_CAST(IF(
        COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
        `t1`.`balance`,
        CAST(NULL AS STRING)
      ) AS DECIMAL(18, 2)) AS `balance_amount`,
      COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') AS `account_type`,
      `t1`.`loaded_at`,
      CASE
        WHEN COALESCE(`t1`.`account_id`, '') = ''
        THEN CONCAT(
          'account_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          `t1`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        )
        THEN CONCAT(
          CONCAT(
            CONCAT(
              'account_id ',
              CONCAT(
                CONCAT(
                  'holds ',
                  REGEXP_EXTRACT(
                    `t1`.`account_id`,
                    '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                    0
                  )
                ),
                ', which cannot be seen'
              )
            ),
            ': '
          ),
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t1`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t1`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(LOWER(REPLACE(REPLACE(`t1`.`balance`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('', 'null', 'n/a', 'none')
        THEN CONCAT(
          'balance is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE)
        )
        THEN CONCAT(
          'balance is not a plain decimal: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
          `t1`.`balance`,
          CAST(NULL AS STRING)
        ) AS DECIMAL(18, 2)) IS NULL
        THEN CONCAT(
          'balance does not fit decimal(18,2): ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`balance` RLIKE '\\A-.*[1-9]', FALSE)
        THEN CONCAT(
          'balance is negative: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          TRY_CAST(IF(
            COALESCE(`t1`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
            `t1`.`balance`,
            CAST(NULL AS STRING)
          ) AS DECIMAL(18, 2)) > CAST('999999999999.99' AS DECIMAL(18, 2)),
          FALSE
        )
        THEN CONCAT(
          'balance is more than 999999999999.99: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t1`.`account_type`, '') = ''
        THEN CONCAT(
          'account_type is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t1`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('savings', 'checking')
        )
        THEN CONCAT(
          'account_type is neither savings nor checking: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t1`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t1`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM (
      SELECT
        `t0`.`account_id` AS `received_account_id`,
        `t0`.`customer_id` AS `received_customer_id`,
        `t0`.`balance` AS `received_balance`,
        `t0`.`account_type` AS `received_account_type`,
        IF(
          `t0`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`account_id`
        ) AS `account_id`,
        IF(
          `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`customer_id`
        ) AS `customer_id`,
        IF(
          `t0`.`balance` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`balance`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`balance`
        ) AS `balance`,
        IF(
          `t0`.`account_type` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t0`.`account_type`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t0`.`account_type`
        ) AS `account_type`,
        `t0`.`loaded_at`
      FROM `source`.`src_account` AS `t0`
    ) AS `t1`
  ) AS `t2`
  WHERE
    `t2`.`failure_reason` IS NULL
), `t10` AS (
  SELECT
    `t9`.`received_account_id`,
    `t9`.`received_customer_id`,
    `t9`.`received_balance`,
    `t9`.`received_account_type`,
    `t9`.`account_id`,
    `t9`.`customer_id`,
    `t9`.`balance_amount`,
    `t9`.`account_type`,
    `t9`.`loaded_at`,
    CASE
      WHEN NOT (
        (
          MIN(`t9`.`customer_id`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) = MAX(`t9`.`customer_id`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          )
        )
        AND (
          MIN(`t9`.`balance_amount`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) = MAX(`t9`.`balance_amount`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          )
        )
        AND (
          MIN(`t9`.`account_type`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) = MAX(`t9`.`account_type`) OVER (
            PARTITION BY `t9`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          )
        )
      )
      THEN CONCAT(
        'account_id comes more than once, with different values: ',
        COALESCE(
          CONCAT(
            CONCAT(
              '\'',
              SUBSTRING(
                `t9`.`received_account_id`,
                IF((
                  0 + 1
                ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_account_id`)),
                100
              )
            ),
            '\''
          ),
          'null'
        )
      )
      WHEN (
        ROW_NUMBER() OVER (
          PARTITION BY `t9`.`account_id`
          ORDER BY `t9`.`received_account_id` ASC NULLS LAST, `t9`.`received_customer_id` ASC NULLS LAST, `t9`.`received_balance` ASC NULLS LAST, `t9`.`received_account_type` ASC NULLS LAST, `t9`.`loaded_at` ASC NULLS LAST
        ) - 1
      ) > 0
      THEN CONCAT(
        'account_id comes more than once, with the same values: ',
        COALESCE(
          CONCAT(
            CONCAT(
              '\'',
              SUBSTRING(
                `t9`.`received_account_id`,
                IF((
                  0 + 1
                ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t9`.`received_account_id`)),
                100
              )
            ),
            '\''
          ),
          'null'
        )
      )
      ELSE NULL
    END AS `failure_reason`,
    MIN(`t9`.`loaded_at`) OVER (
      PARTITION BY `t9`.`account_id`
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS `first_loaded_at`
  FROM (
    SELECT
      `t5`.`received_account_id`,
      `t5`.`received_customer_id`,
      `t5`.`received_balance`,
      `t5`.`received_account_type`,
      `t5`.`account_id`,
      `t5`.`customer_id`,
      `t5`.`balance_amount`,
      `t5`.`account_type`,
      `t5`.`loaded_at`,
      `t5`.`failure_reason`
    FROM `t3` AS `t5`
    LEFT SEMI JOIN (
      SELECT
        `t6`.`account_id`
      FROM (
        SELECT
          `t4`.`account_id`,
          COUNT(*) AS `CountStar()`
        FROM `t3` AS `t4`
        GROUP BY
          1
      ) AS `t6`
      WHERE
        `t6`.`CountStar()` > 1
    ) AS `t8`
      ON `t5`.`account_id` = `t8`.`account_id`
  ) AS `t9`
)
SELECT
  *
FROM (
  SELECT
    `t5`.`account_id`,
    `t5`.`customer_id`,
    `t5`.`balance_amount`,
    `t5`.`account_type`,
    `t5`.`loaded_at`
  FROM `t3` AS `t5`
  LEFT ANTI JOIN `t10` AS `t12`
    ON `t5`.`account_id` = `t12`.`account_id`
) AS `t14`
UNION ALL
SELECT
  *
FROM (
  SELECT
    `t11`.`account_id`,
    `t11`.`customer_id`,
    `t11`.`balance_amount`,
    `t11`.`account_type`,
    `t11`.`first_loaded_at` AS `loaded_at`
  FROM `t10` AS `t11`
  WHERE
    `t11`.`failure_reason` IS NULL
) AS `t13`;

-- quarantine_stg_account
WITH `t1` AS (
  SELECT
    `t0`.`account_id` AS `received_account_id`,
    `t0`.`customer_id` AS `received_customer_id`,
    `t0`.`balance` AS `received_balance`,
    `t0`.`account_type` AS `received_account_type`,
    IF(
      `t0`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`account_id`
    ) AS `account_id`,
    IF(
      `t0`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`customer_id`
    ) AS `customer_id`,
    IF(
      `t0`.`balance` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`balance`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`balance`
    ) AS `balance`,
    IF(
      `t0`.`account_type` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
      COALESCE(
        REGEXP_EXTRACT(`t0`.`account_type`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
        ''
      ),
      `t0`.`account_type`
    ) AS `account_type`,
    `t0`.`loaded_at`
  FROM `source`.`src_account` AS `t0`
), `t5` AS (
  SELECT
    *
  FROM (
    SELECT
      `t2`.`received_account_id`,
      `t2`.`received_customer_id`,
      `t2`.`received_balance`,
      `t2`.`received_account_type`,
      IF(
        COALESCE(
          `t2`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        ),
        CAST(NULL AS STRING),
        NULLIF(`t2`.`account_id`, '')
      ) AS `account_id`,
      TRY_CAST(IF(
        `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
        `t2`.`customer_id`,
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`,
      TRY_CAST(IF(
        COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
        `t2`.`balance`,
        CAST(NULL AS STRING)
      ) AS DECIMAL(18, 2)) AS `balance_amount`,
      COALESCE(LOWER(REPLACE(REPLACE(`t2`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') AS `account_type`,
      `t2`.`loaded_at`,
      CASE
        WHEN COALESCE(`t2`.`account_id`, '') = ''
        THEN CONCAT(
          'account_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          `t2`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        )
        THEN CONCAT(
          CONCAT(
            CONCAT(
              'account_id ',
              CONCAT(
                CONCAT(
                  'holds ',
                  REGEXP_EXTRACT(
                    `t2`.`account_id`,
                    '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                    0
                  )
                ),
                ', which cannot be seen'
              )
            ),
            ': '
          ),
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_account_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t2`.`customer_id`, '') = ''
        THEN CONCAT(
          'customer_id is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
          `t2`.`customer_id`,
          CAST(NULL AS STRING)
        ) AS BIGINT) IS NULL
        THEN CONCAT(
          'customer_id is not an integer: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_customer_id`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(LOWER(REPLACE(REPLACE(`t2`.`balance`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('', 'null', 'n/a', 'none')
        THEN CONCAT(
          'balance is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE)
        )
        THEN CONCAT(
          'balance is not a plain decimal: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN TRY_CAST(IF(
          COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
          `t2`.`balance`,
          CAST(NULL AS STRING)
        ) AS DECIMAL(18, 2)) IS NULL
        THEN CONCAT(
          'balance does not fit decimal(18,2): ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t2`.`balance` RLIKE '\\A-.*[1-9]', FALSE)
        THEN CONCAT(
          'balance is negative: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(
          TRY_CAST(IF(
            COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
            `t2`.`balance`,
            CAST(NULL AS STRING)
          ) AS DECIMAL(18, 2)) > CAST('999999999999.99' AS DECIMAL(18, 2)),
          FALSE
        )
        THEN CONCAT(
          'balance is more than 999999999999.99: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_balance`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN COALESCE(`t2`.`account_type`, '') = ''
        THEN CONCAT(
          'account_type is blank: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        WHEN NOT (
          COALESCE(LOWER(REPLACE(REPLACE(`t2`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('savings', 'checking')
        )
        THEN CONCAT(
          'account_type is neither savings nor checking: ',
          COALESCE(
            CONCAT(
              CONCAT(
                '\'',
                SUBSTRING(
                  `t2`.`received_account_type`,
                  IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_type`)),
                  100
                )
              ),
              '\''
            ),
            'null'
          )
        )
        ELSE NULL
      END AS `failure_reason`
    FROM `t1` AS `t2`
  ) AS `t4`
  WHERE
    `t4`.`failure_reason` IS NULL
)
SELECT
  `t15`.`account_id`,
  `t15`.`customer_id`,
  `t15`.`balance`,
  `t15`.`account_type`,
  `t15`.`loaded_at`,
  `t15`.`failure_reason`,
  MD5(
    CONCAT(
      CONCAT(
        CONCAT(
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT(
                    CONCAT(
                      CONCAT('', 'AccountID='),
                      COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`account_id`, '\'', '\'\'')), '\''), 'null')
                    ),
                    ', CustomerID='
                  ),
                  COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                ),
                ', Balance='
              ),
              COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`balance`, '\'', '\'\'')), '\''), 'null')
            ),
            ', AccountType='
          ),
          COALESCE(CONCAT(CONCAT('\'', REPLACE(`t15`.`account_type`, '\'', '\'\'')), '\''), 'null')
        ),
        ': '
      ),
      `t15`.`failure_reason`
    )
  ) AS `refusal_id`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `quarantined_at`
FROM (
  SELECT
    `t14`.`received_account_id` AS `account_id`,
    `t14`.`received_customer_id` AS `customer_id`,
    `t14`.`received_balance` AS `balance`,
    `t14`.`received_account_type` AS `account_type`,
    `t14`.`loaded_at`,
    IF(
      `t14`.`failure_reason` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
      IF(
        SIZE(
          TRANSFORM(
            TRANSFORM(
              IF(
                (
                  1 <> 0
                ) AND (
                  SIGN(1) = SIGN(LENGTH(`t14`.`failure_reason`) - 0)
                ),
                IF(
                  ELEMENT_AT(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1))
                  ) = LENGTH(`t14`.`failure_reason`),
                  SLICE(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    1,
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)) - 1
                  ),
                  SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)
                ),
                ARRAY()
              ),
              __ibis_param_place__ -> SUBSTRING(
                `t14`.`failure_reason`,
                IF(
                  (
                    __ibis_param_place__ + 1
                  ) >= 1,
                  __ibis_param_place__ + 1,
                  __ibis_param_place__ + 1 + LENGTH(`t14`.`failure_reason`)
                ),
                1
              )
            ),
            __ibis_param_one__ -> IF(
              __ibis_param_one__ RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
              CASE
                WHEN ASCII(__ibis_param_one__) = 9
                THEN '\\t'
                WHEN ASCII(__ibis_param_one__) = 10
                THEN '\\n'
                WHEN ASCII(__ibis_param_one__) = 13
                THEN '\\r'
                WHEN ASCII(__ibis_param_one__) < 256
                THEN CONCAT(
                  '\\x',
                  CONCAT(
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                WHEN ASCII(__ibis_param_one__) < 65536
                THEN CONCAT(
                  '\\u',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                ELSE CONCAT(
                  '\\U000',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        CONCAT(
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    65536
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          ),
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    4096
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          )
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
              END,
              __ibis_param_one__
            )
          )
        ) > 0,
        CONCAT_WS(
          '',
          TRANSFORM(
            TRANSFORM(
              IF(
                (
                  1 <> 0
                ) AND (
                  SIGN(1) = SIGN(LENGTH(`t14`.`failure_reason`) - 0)
                ),
                IF(
                  ELEMENT_AT(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1))
                  ) = LENGTH(`t14`.`failure_reason`),
                  SLICE(
                    SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1),
                    1,
                    SIZE(SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)) - 1
                  ),
                  SEQUENCE(0, LENGTH(`t14`.`failure_reason`), 1)
                ),
                ARRAY()
              ),
              __ibis_param_place__ -> SUBSTRING(
                `t14`.`failure_reason`,
                IF(
                  (
                    __ibis_param_place__ + 1
                  ) >= 1,
                  __ibis_param_place__ + 1,
                  __ibis_param_place__ + 1 + LENGTH(`t14`.`failure_reason`)
                ),
                1
              )
            ),
            __ibis_param_one__ -> IF(
              __ibis_param_one__ RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
              CASE
                WHEN ASCII(__ibis_param_one__) = 9
                THEN '\\t'
                WHEN ASCII(__ibis_param_one__) = 10
                THEN '\\n'
                WHEN ASCII(__ibis_param_one__) = 13
                THEN '\\r'
                WHEN ASCII(__ibis_param_one__) < 256
                THEN CONCAT(
                  '\\x',
                  CONCAT(
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            16
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                WHEN ASCII(__ibis_param_one__) < 65536
                THEN CONCAT(
                  '\\u',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                4096
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
                ELSE CONCAT(
                  '\\U000',
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        CONCAT(
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    65536
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  65536
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          ),
                          SUBSTRING(
                            '0123456789abcdef',
                            IF(
                              (
                                (
                                  CAST(FLOOR((
                                    ASCII(__ibis_param_one__)
                                  ) / (
                                    4096
                                  )) AS BIGINT) % 16
                                ) + 1
                              ) >= 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1,
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  4096
                                )) AS BIGINT) % 16
                              ) + 1 + LENGTH('0123456789abcdef')
                            ),
                            1
                          )
                        ),
                        SUBSTRING(
                          '0123456789abcdef',
                          IF(
                            (
                              (
                                CAST(FLOOR((
                                  ASCII(__ibis_param_one__)
                                ) / (
                                  256
                                )) AS BIGINT) % 16
                              ) + 1
                            ) >= 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1,
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                256
                              )) AS BIGINT) % 16
                            ) + 1 + LENGTH('0123456789abcdef')
                          ),
                          1
                        )
                      ),
                      SUBSTRING(
                        '0123456789abcdef',
                        IF(
                          (
                            (
                              CAST(FLOOR((
                                ASCII(__ibis_param_one__)
                              ) / (
                                16
                              )) AS BIGINT) % 16
                            ) + 1
                          ) >= 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1,
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              16
                            )) AS BIGINT) % 16
                          ) + 1 + LENGTH('0123456789abcdef')
                        ),
                        1
                      )
                    ),
                    SUBSTRING(
                      '0123456789abcdef',
                      IF(
                        (
                          (
                            CAST(FLOOR((
                              ASCII(__ibis_param_one__)
                            ) / (
                              1
                            )) AS BIGINT) % 16
                          ) + 1
                        ) >= 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1,
                        (
                          CAST(FLOOR((
                            ASCII(__ibis_param_one__)
                          ) / (
                            1
                          )) AS BIGINT) % 16
                        ) + 1 + LENGTH('0123456789abcdef')
                      ),
                      1
                    )
                  )
                )
              END,
              __ibis_param_one__
            )
          )
        ),
        NULL
      ),
      `t14`.`failure_reason`
    ) AS `failure_reason`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t2`.`received_account_id`,
        `t2`.`received_customer_id`,
        `t2`.`received_balance`,
        `t2`.`received_account_type`,
        `t2`.`loaded_at`,
        CASE
          WHEN COALESCE(`t2`.`account_id`, '') = ''
          THEN CONCAT(
            'account_id is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_account_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(
            `t2`.`account_id` RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
            FALSE
          )
          THEN CONCAT(
            CONCAT(
              CONCAT(
                'account_id ',
                CONCAT(
                  CONCAT(
                    'holds ',
                    REGEXP_EXTRACT(
                      `t2`.`account_id`,
                      '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                      0
                    )
                  ),
                  ', which cannot be seen'
                )
              ),
              ': '
            ),
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_account_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(`t2`.`customer_id`, '') = ''
          THEN CONCAT(
            'customer_id is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_customer_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN TRY_CAST(IF(
            `t2`.`customer_id` RLIKE '\\A[+-]?[0-9]+\\z',
            `t2`.`customer_id`,
            CAST(NULL AS STRING)
          ) AS BIGINT) IS NULL
          THEN CONCAT(
            'customer_id is not an integer: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_customer_id`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_customer_id`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(LOWER(REPLACE(REPLACE(`t2`.`balance`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('', 'null', 'n/a', 'none')
          THEN CONCAT(
            'balance is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_balance`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN NOT (
            COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE)
          )
          THEN CONCAT(
            'balance is not a plain decimal: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_balance`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN TRY_CAST(IF(
            COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
            `t2`.`balance`,
            CAST(NULL AS STRING)
          ) AS DECIMAL(18, 2)) IS NULL
          THEN CONCAT(
            'balance does not fit decimal(18,2): ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_balance`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(`t2`.`balance` RLIKE '\\A-.*[1-9]', FALSE)
          THEN CONCAT(
            'balance is negative: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_balance`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(
            TRY_CAST(IF(
              COALESCE(`t2`.`balance` RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z', FALSE),
              `t2`.`balance`,
              CAST(NULL AS STRING)
            ) AS DECIMAL(18, 2)) > CAST('999999999999.99' AS DECIMAL(18, 2)),
            FALSE
          )
          THEN CONCAT(
            'balance is more than 999999999999.99: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_balance`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_balance`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN COALESCE(`t2`.`account_type`, '') = ''
          THEN CONCAT(
            'account_type is blank: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_account_type`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_type`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          WHEN NOT (
            COALESCE(LOWER(REPLACE(REPLACE(`t2`.`account_type`, 'İ', 'i̇'), 'Σ', 'σ')), '') IN ('savings', 'checking')
          )
          THEN CONCAT(
            'account_type is neither savings nor checking: ',
            COALESCE(
              CONCAT(
                CONCAT(
                  '\'',
                  SUBSTRING(
                    `t2`.`received_account_type`,
                    IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t2`.`received_account_type`)),
                    100
                  )
                ),
                '\''
              ),
              'null'
            )
          )
          ELSE NULL
        END AS `failure_reason`
      FROM `t1` AS `t2`
    ) AS `t3`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t12`.`received_account_id`,
        `t12`.`received_customer_id`,
        `t12`.`received_balance`,
        `t12`.`received_account_type`,
        `t12`.`loaded_at`,
        `t12`.`failure_reason`
      FROM (
        SELECT
          `t11`.`received_account_id`,
          `t11`.`received_customer_id`,
          `t11`.`received_balance`,
          `t11`.`received_account_type`,
          `t11`.`account_id`,
          `t11`.`customer_id`,
          `t11`.`balance_amount`,
          `t11`.`account_type`,
          `t11`.`loaded_at`,
          CASE
            WHEN NOT (
              (
                MIN(`t11`.`customer_id`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) = MAX(`t11`.`customer_id`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
              )
              AND (
                MIN(`t11`.`balance_amount`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) = MAX(`t11`.`balance_amount`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
              )
              AND (
                MIN(`t11`.`account_type`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) = MAX(`t11`.`account_type`) OVER (
                  PARTITION BY `t11`.`account_id`
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
              )
            )
            THEN CONCAT(
              'account_id comes more than once, with different values: ',
              COALESCE(
                CONCAT(
                  CONCAT(
                    '\'',
                    SUBSTRING(
                      `t11`.`received_account_id`,
                      IF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t11`.`received_account_id`)),
                      100
                    )
                  ),
                  '\''
                ),
                'null'
              )
            )
            WHEN (
              ROW_NUMBER() OVER (
                PARTITION BY `t11`.`account_id`
                ORDER BY `t11`.`received_account_id` ASC NULLS LAST, `t11`.`received_customer_id` ASC NULLS LAST, `t11`.`received_balance` ASC NULLS LAST, `t11`.`received_account_type` ASC NULLS LAST, `t11`.`loaded_at` ASC NULLS LAST
              ) - 1
            ) > 0
            THEN CONCAT(
              'account_id comes more than once, with the same values: ',
              COALESCE(
                CONCAT(
                  CONCAT(
                    '\'',
                    SUBSTRING(
                      `t11`.`received_account_id`,
                      IF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t11`.`received_account_id`)),
                      100
                    )
                  ),
                  '\''
                ),
                'null'
              )
            )
            ELSE NULL
          END AS `failure_reason`,
          MIN(`t11`.`loaded_at`) OVER (
            PARTITION BY `t11`.`account_id`
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS `first_loaded_at`
        FROM (
          SELECT
            `t7`.`received_account_id`,
            `t7`.`received_customer_id`,
            `t7`.`received_balance`,
            `t7`.`received_account_type`,
            `t7`.`account_id`,
            `t7`.`customer_id`,
            `t7`.`balance_amount`,
            `t7`.`account_type`,
            `t7`.`loaded_at`,
            `t7`.`failure_reason`
          FROM `t5` AS `t7`
          LEFT SEMI JOIN (
            SELECT
              `t8`.`account_id`
            FROM (
              SELECT
                `t6`.`account_id`,
                COUNT(*) AS `CountStar()`
              FROM `t5` AS `t6`
              GROUP BY
                1
            ) AS `t8`
            WHERE
              `t8`.`CountStar()` > 1
          ) AS `t10`
            ON `t7`.`account_id` = `t10`.`account_id`
        ) AS `t11`
      ) AS `t12`
    ) AS `t13`
  ) AS `t14`
  WHERE
    `t14`.`failure_reason` IS NOT NULL
) AS `t15`;

-- held_customer
SELECT
  `t5`.`customer_id`
FROM (
  SELECT DISTINCT
    *
  FROM (
    SELECT
      TRY_CAST(IF(
        IF(
          `t1`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t1`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t1`.`customer_id`
        ) RLIKE '\\A[+-]?[0-9]+\\z',
        IF(
          `t1`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
          COALESCE(
            REGEXP_EXTRACT(`t1`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
            ''
          ),
          `t1`.`customer_id`
        ),
        CAST(NULL AS STRING)
      ) AS BIGINT) AS `customer_id`
    FROM `staging`.`quarantine_stg_customer` AS `t1`
  ) AS `t3`
  WHERE
    `t3`.`customer_id` IS NOT NULL
) AS `t5`
LEFT ANTI JOIN `staging`.`stg_customer` AS `t2`
  ON `t5`.`customer_id` = `t2`.`customer_id`;

-- held_account
SELECT
  `t5`.`account_id`
FROM (
  SELECT DISTINCT
    *
  FROM (
    SELECT
      IF(
        COALESCE(
          IF(
            `t1`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
            COALESCE(
              REGEXP_EXTRACT(`t1`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
              ''
            ),
            `t1`.`account_id`
          ) RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
          FALSE
        ),
        CAST(NULL AS STRING),
        NULLIF(
          IF(
            `t1`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
            COALESCE(
              REGEXP_EXTRACT(`t1`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
              ''
            ),
            `t1`.`account_id`
          ),
          ''
        )
      ) AS `account_id`
    FROM `staging`.`quarantine_stg_account` AS `t1`
  ) AS `t3`
  WHERE
    `t3`.`account_id` IS NOT NULL
) AS `t5`
LEFT ANTI JOIN `staging`.`stg_account` AS `t2`
  ON `t5`.`account_id` = `t2`.`account_id`;

-- refusal
SELECT
  *
FROM (
  SELECT
    `t3`.`refusal_id`,
    `t3`.`received_id`,
    `t3`.`received_text`,
    `t3`.`failure_reason`,
    `t3`.`refused_count`,
    'customer' AS `source_name`
  FROM (
    SELECT
      `t2`.`refusal_id`,
      `t2`.`received_id`,
      `t2`.`received_text`,
      `t2`.`failure_reason`,
      COUNT(*) AS `refused_count`
    FROM (
      SELECT
        `t0`.`refusal_id`,
        `t0`.`customer_id` AS `received_id`,
        CONCAT(
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT('', 'CustomerID='),
                  COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                ),
                ', Name='
              ),
              COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`name`, '\'', '\'\'')), '\''), 'null')
            ),
            ', HasLoan='
          ),
          COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`has_loan`, '\'', '\'\'')), '\''), 'null')
        ) AS `received_text`,
        `t0`.`failure_reason`
      FROM `staging`.`quarantine_stg_customer` AS `t0`
    ) AS `t2`
    GROUP BY
      1,
      2,
      3,
      4
  ) AS `t3`
) AS `t5`
UNION ALL
SELECT
  *
FROM (
  SELECT
    `t6`.`refusal_id`,
    `t6`.`received_id`,
    `t6`.`received_text`,
    `t6`.`failure_reason`,
    `t6`.`refused_count`,
    'account' AS `source_name`
  FROM (
    SELECT
      `t4`.`refusal_id`,
      `t4`.`received_id`,
      `t4`.`received_text`,
      `t4`.`failure_reason`,
      COUNT(*) AS `refused_count`
    FROM (
      SELECT
        `t1`.`refusal_id`,
        `t1`.`account_id` AS `received_id`,
        CONCAT(
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT(
                    CONCAT(
                      CONCAT('', 'AccountID='),
                      COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`account_id`, '\'', '\'\'')), '\''), 'null')
                    ),
                    ', CustomerID='
                  ),
                  COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                ),
                ', Balance='
              ),
              COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`balance`, '\'', '\'\'')), '\''), 'null')
            ),
            ', AccountType='
          ),
          COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`account_type`, '\'', '\'\'')), '\''), 'null')
        ) AS `received_text`,
        `t1`.`failure_reason`
      FROM `staging`.`quarantine_stg_account` AS `t1`
    ) AS `t4`
    GROUP BY
      1,
      2,
      3,
      4
  ) AS `t6`
) AS `t7`;

-- snap_customer
SELECT
  *
FROM `staging`.`stg_customer`;

-- snap_account
SELECT
  *
FROM `staging`.`stg_account`;

-- snap_refusal
SELECT
  `t8`.`refusal_id`,
  `t8`.`source_name`,
  `t8`.`received_id`,
  `t8`.`received_text`,
  `t8`.`failure_reason`,
  `t8`.`refused_count`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t3`.`refusal_id`,
      `t3`.`received_id`,
      `t3`.`received_text`,
      `t3`.`failure_reason`,
      `t3`.`refused_count`,
      'customer' AS `source_name`
    FROM (
      SELECT
        `t2`.`refusal_id`,
        `t2`.`received_id`,
        `t2`.`received_text`,
        `t2`.`failure_reason`,
        COUNT(*) AS `refused_count`
      FROM (
        SELECT
          `t0`.`refusal_id`,
          `t0`.`customer_id` AS `received_id`,
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT(
                    CONCAT('', 'CustomerID='),
                    COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                  ),
                  ', Name='
                ),
                COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`name`, '\'', '\'\'')), '\''), 'null')
              ),
              ', HasLoan='
            ),
            COALESCE(CONCAT(CONCAT('\'', REPLACE(`t0`.`has_loan`, '\'', '\'\'')), '\''), 'null')
          ) AS `received_text`,
          `t0`.`failure_reason`
        FROM `staging`.`quarantine_stg_customer` AS `t0`
      ) AS `t2`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t3`
  ) AS `t5`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      `t6`.`refusal_id`,
      `t6`.`received_id`,
      `t6`.`received_text`,
      `t6`.`failure_reason`,
      `t6`.`refused_count`,
      'account' AS `source_name`
    FROM (
      SELECT
        `t4`.`refusal_id`,
        `t4`.`received_id`,
        `t4`.`received_text`,
        `t4`.`failure_reason`,
        COUNT(*) AS `refused_count`
      FROM (
        SELECT
          `t1`.`refusal_id`,
          `t1`.`account_id` AS `received_id`,
          CONCAT(
            CONCAT(
              CONCAT(
                CONCAT(
                  CONCAT(
                    CONCAT(
                      CONCAT(
                        CONCAT('', 'AccountID='),
                        COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`account_id`, '\'', '\'\'')), '\''), 'null')
                      ),
                      ', CustomerID='
                    ),
                    COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`customer_id`, '\'', '\'\'')), '\''), 'null')
                  ),
                  ', Balance='
                ),
                COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`balance`, '\'', '\'\'')), '\''), 'null')
              ),
              ', AccountType='
            ),
            COALESCE(CONCAT(CONCAT('\'', REPLACE(`t1`.`account_type`, '\'', '\'\'')), '\''), 'null')
          ) AS `received_text`,
          `t1`.`failure_reason`
        FROM `staging`.`quarantine_stg_account` AS `t1`
      ) AS `t4`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t6`
  ) AS `t7`
) AS `t8`;

-- int_account_with_customer
SELECT
  `t4`.`account_id`,
  `t4`.`customer_id`,
  `t4`.`balance_amount`,
  `t4`.`account_type`,
  `t5`.`customer_name`,
  `t5`.`has_loan_flag`,
  GREATEST(`t4`.`dbt_valid_from`, `t5`.`dbt_valid_from`) AS `valid_from_at`,
  `t4`.`dbt_valid_to` AS `valid_to_at`
FROM (
  SELECT
    *
  FROM `snapshots`.`snap_account` AS `t0`
  WHERE
    `t0`.`dbt_valid_to` IS NULL
) AS `t4`
INNER JOIN (
  SELECT
    *
  FROM `snapshots`.`snap_customer` AS `t1`
  WHERE
    `t1`.`dbt_valid_to` IS NULL
) AS `t5`
  ON `t4`.`customer_id` = `t5`.`customer_id`;

-- int_account_without_customer
SELECT
  `t4`.`account_id`,
  `t4`.`customer_id`,
  `t4`.`balance_amount`,
  `t4`.`account_type`
FROM (
  SELECT
    *
  FROM `snapshots`.`snap_account` AS `t0`
  WHERE
    `t0`.`dbt_valid_to` IS NULL
) AS `t4`
LEFT ANTI JOIN (
  SELECT
    *
  FROM `snapshots`.`snap_customer` AS `t1`
  WHERE
    `t1`.`dbt_valid_to` IS NULL
) AS `t5`
  ON `t4`.`customer_id` = `t5`.`customer_id`;

-- int_savings_account_only
SELECT
  `t1`.`account_id`,
  `t1`.`customer_id`,
  `t1`.`balance_amount`,
  `t1`.`customer_name`,
  `t1`.`has_loan_flag`,
  `t1`.`valid_from_at`,
  `t1`.`valid_to_at`
FROM (
  SELECT
    *
  FROM `intermediate`.`int_account_with_customer` AS `t0`
  WHERE
    `t0`.`account_type` = 'savings'
) AS `t1`;

-- account_summary
SELECT
  `t0`.`account_id`,
  `t0`.`customer_id`,
  `t0`.`balance_amount` AS `original_balance_amount`,
  IF(
    `t0`.`has_loan_flag`,
    CASE
      WHEN `t0`.`balance_amount` < 10000
      THEN CAST('0.0150' AS DECIMAL(5, 4))
      WHEN `t0`.`balance_amount` < 20000
      THEN CAST('0.0200' AS DECIMAL(5, 4))
      ELSE CAST('0.0250' AS DECIMAL(5, 4))
    END,
    CASE
      WHEN `t0`.`balance_amount` < 10000
      THEN CAST('0.0100' AS DECIMAL(5, 4))
      WHEN `t0`.`balance_amount` < 20000
      THEN CAST('0.0150' AS DECIMAL(5, 4))
      ELSE CAST('0.0200' AS DECIMAL(5, 4))
    END
  ) AS `interest_rate_pct`,
  TRY_CAST(CAST(ROUND(
    `t0`.`balance_amount` * CAST(IF(
      `t0`.`has_loan_flag`,
      CASE
        WHEN `t0`.`balance_amount` < 10000
        THEN CAST('0.0150' AS DECIMAL(5, 4))
        WHEN `t0`.`balance_amount` < 20000
        THEN CAST('0.0200' AS DECIMAL(5, 4))
        ELSE CAST('0.0250' AS DECIMAL(5, 4))
      END,
      CASE
        WHEN `t0`.`balance_amount` < 10000
        THEN CAST('0.0100' AS DECIMAL(5, 4))
        WHEN `t0`.`balance_amount` < 20000
        THEN CAST('0.0150' AS DECIMAL(5, 4))
        ELSE CAST('0.0200' AS DECIMAL(5, 4))
      END
    ) AS DECIMAL(20, 4)),
    2
  ) AS DECIMAL(20, 2)) AS DECIMAL(18, 2)) AS `annual_interest_amount`,
  TRY_CAST(CAST(`t0`.`balance_amount` AS DECIMAL(20, 2)) + CAST(TRY_CAST(CAST(ROUND(
    `t0`.`balance_amount` * CAST(IF(
      `t0`.`has_loan_flag`,
      CASE
        WHEN `t0`.`balance_amount` < 10000
        THEN CAST('0.0150' AS DECIMAL(5, 4))
        WHEN `t0`.`balance_amount` < 20000
        THEN CAST('0.0200' AS DECIMAL(5, 4))
        ELSE CAST('0.0250' AS DECIMAL(5, 4))
      END,
      CASE
        WHEN `t0`.`balance_amount` < 10000
        THEN CAST('0.0100' AS DECIMAL(5, 4))
        WHEN `t0`.`balance_amount` < 20000
        THEN CAST('0.0150' AS DECIMAL(5, 4))
        ELSE CAST('0.0200' AS DECIMAL(5, 4))
      END
    ) AS DECIMAL(20, 4)),
    2
  ) AS DECIMAL(20, 2)) AS DECIMAL(18, 2)) AS DECIMAL(20, 2)) AS DECIMAL(18, 2)) AS `new_balance_amount`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `calculated_at`
FROM `intermediate`.`int_savings_account_only` AS `t0`;

-- customer_profile
SELECT
  `t6`.`customer_id`,
  `t6`.`customer_name`,
  `t6`.`has_loan_flag`,
  `t6`.`total_accounts_count`,
  `t6`.`total_balance_amount`,
  `t6`.`total_annual_interest_amount`,
  CAST('1970-01-01 00:00:00' AS TIMESTAMP) AS `calculated_at`
FROM (
  SELECT
    `t5`.`customer_id`,
    `t5`.`customer_name`,
    `t5`.`has_loan_flag`,
    COUNT(*) AS `total_accounts_count`,
    TRY_CAST(SUM(`t5`.`original_balance_amount`) AS DECIMAL(18, 2)) AS `total_balance_amount`,
    TRY_CAST(SUM(`t5`.`annual_interest_amount`) AS DECIMAL(18, 2)) AS `total_annual_interest_amount`
  FROM (
    SELECT
      `t2`.`account_id`,
      `t2`.`customer_id`,
      `t2`.`balance_amount`,
      `t2`.`customer_name`,
      `t2`.`has_loan_flag`,
      `t2`.`valid_from_at`,
      `t2`.`valid_to_at`,
      `t4`.`original_balance_amount`,
      `t4`.`annual_interest_amount`
    FROM `intermediate`.`int_savings_account_only` AS `t2`
    INNER JOIN (
      SELECT
        `t1`.`account_id`,
        `t1`.`customer_id`,
        `t1`.`original_balance_amount`,
        `t1`.`annual_interest_amount`
      FROM `marts`.`account_summary` AS `t1`
    ) AS `t4`
      ON `t2`.`customer_id` = `t4`.`customer_id` AND `t2`.`account_id` = `t4`.`account_id`
  ) AS `t5`
  GROUP BY
    1,
    2,
    3
) AS `t6`;

-- ledger
WITH `t20` AS (
  SELECT
    *
  FROM `snapshots`.`snap_customer` AS `t8`
  WHERE
    `t8`.`dbt_valid_to` IS NULL
), `t21` AS (
  SELECT
    *
  FROM `snapshots`.`snap_account` AS `t9`
  WHERE
    `t9`.`dbt_valid_to` IS NULL
)
SELECT
  *
FROM (
  SELECT
    'customer' AS `source`,
    `t12`.`received_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(stg_customer)`
      FROM `staging`.`stg_customer` AS `t2`
    ) AS `accepted_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(quarantine_stg_customer)`
      FROM `staging`.`quarantine_stg_customer` AS `t3`
    ) AS `refused_count`,
    (
      SELECT
        COUNT(*) AS `CountStar()`
      FROM (
        SELECT
          `t24`.`customer_id`,
          `t24`.`customer_name`,
          `t24`.`has_loan_flag`,
          `t24`.`loaded_at`,
          `t24`.`dbt_scd_id`,
          `t24`.`dbt_updated_at`,
          `t24`.`dbt_valid_from`,
          `t24`.`dbt_valid_to`
        FROM `t20` AS `t24`
        LEFT SEMI JOIN (
          SELECT
            `t32`.`customer_id`
          FROM (
            SELECT DISTINCT
              *
            FROM (
              SELECT
                TRY_CAST(IF(
                  IF(
                    `t3`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
                    COALESCE(
                      REGEXP_EXTRACT(`t3`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
                      ''
                    ),
                    `t3`.`customer_id`
                  ) RLIKE '\\A[+-]?[0-9]+\\z',
                  IF(
                    `t3`.`customer_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
                    COALESCE(
                      REGEXP_EXTRACT(`t3`.`customer_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
                      ''
                    ),
                    `t3`.`customer_id`
                  ),
                  CAST(NULL AS STRING)
                ) AS BIGINT) AS `customer_id`
              FROM `staging`.`quarantine_stg_customer` AS `t3`
            ) AS `t28`
            WHERE
              `t28`.`customer_id` IS NOT NULL
          ) AS `t32`
          LEFT ANTI JOIN `staging`.`stg_customer` AS `t10`
            ON `t32`.`customer_id` = `t10`.`customer_id`
        ) AS `t36`
          ON `t24`.`customer_id` = `t36`.`customer_id`
      ) AS `t38`
    ) AS `held_count`,
    (
      SELECT
        COUNT(*) AS `CountStar()`
      FROM `t20` AS `t22`
    ) AS `current_count`,
    CAST(NULL AS BIGINT) AS `joined_count`,
    CAST(NULL AS BIGINT) AS `without_customer_count`
  FROM (
    SELECT
      COUNT(*) AS `received_count`
    FROM `source`.`src_customer` AS `t0`
  ) AS `t12`
) AS `t42`
UNION ALL
SELECT
  *
FROM (
  SELECT
    'account' AS `source`,
    `t13`.`received_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(stg_account)`
      FROM `staging`.`stg_account` AS `t4`
    ) AS `accepted_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(quarantine_stg_account)`
      FROM `staging`.`quarantine_stg_account` AS `t5`
    ) AS `refused_count`,
    (
      SELECT
        COUNT(*) AS `CountStar()`
      FROM (
        SELECT
          `t25`.`account_id`,
          `t25`.`customer_id`,
          `t25`.`balance_amount`,
          `t25`.`account_type`,
          `t25`.`loaded_at`,
          `t25`.`dbt_scd_id`,
          `t25`.`dbt_updated_at`,
          `t25`.`dbt_valid_from`,
          `t25`.`dbt_valid_to`
        FROM `t21` AS `t25`
        LEFT SEMI JOIN (
          SELECT
            `t33`.`account_id`
          FROM (
            SELECT DISTINCT
              *
            FROM (
              SELECT
                IF(
                  COALESCE(
                    IF(
                      `t5`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
                      COALESCE(
                        REGEXP_EXTRACT(`t5`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
                        ''
                      ),
                      `t5`.`account_id`
                    ) RLIKE '[\\x{0}-\\x{1f}\\x{7f}-\\x{a0}\\x{ad}\\x{34f}\\x{600}-\\x{605}\\x{61c}\\x{6dd}\\x{70f}\\x{890}-\\x{891}\\x{8e2}\\x{115f}-\\x{1160}\\x{1680}\\x{17b4}-\\x{17b5}\\x{180b}-\\x{180f}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}\\x{205f}-\\x{206f}\\x{2800}\\x{3000}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{feff}\\x{ffa0}\\x{fff0}-\\x{fffb}\\x{110bd}\\x{110cd}\\x{13430}-\\x{1343f}\\x{16fe4}\\x{1bca0}-\\x{1bca3}\\x{1d159}\\x{1d173}-\\x{1d17a}\\x{e0000}-\\x{e0fff}]',
                    FALSE
                  ),
                  CAST(NULL AS STRING),
                  NULLIF(
                    IF(
                      `t5`.`account_id` RLIKE '\\A[\\x09-\\x0d\\x20]|[\\x09-\\x0d\\x20]\\z',
                      COALESCE(
                        REGEXP_EXTRACT(`t5`.`account_id`, '(?s)[^\\x09-\\x0d\\x20](?:.*[^\\x09-\\x0d\\x20])?', 0),
                        ''
                      ),
                      `t5`.`account_id`
                    ),
                    ''
                  )
                ) AS `account_id`
              FROM `staging`.`quarantine_stg_account` AS `t5`
            ) AS `t29`
            WHERE
              `t29`.`account_id` IS NOT NULL
          ) AS `t33`
          LEFT ANTI JOIN `staging`.`stg_account` AS `t11`
            ON `t33`.`account_id` = `t11`.`account_id`
        ) AS `t37`
          ON `t25`.`account_id` = `t37`.`account_id`
      ) AS `t39`
    ) AS `held_count`,
    (
      SELECT
        COUNT(*) AS `CountStar()`
      FROM `t21` AS `t23`
    ) AS `current_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(int_account_with_customer)`
      FROM `intermediate`.`int_account_with_customer` AS `t6`
    ) AS `joined_count`,
    (
      SELECT
        COUNT(*) AS `CountStar(int_account_without_customer)`
      FROM `intermediate`.`int_account_without_customer` AS `t7`
    ) AS `without_customer_count`
  FROM (
    SELECT
      COUNT(*) AS `received_count`
    FROM `source`.`src_account` AS `t1`
  ) AS `t13`
) AS `t43`;
