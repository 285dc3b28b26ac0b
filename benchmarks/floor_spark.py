"""The work of lc-ibis written by hand for Spark, as a job of PySpark usually is: each table whole, as Parquet.

Without checks, state, or a word about what changed. On the second day the histories are merged and every other table is
made anew; a directory is overwritten in place, so that a reader may see half of it.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import click
from pyspark.sql import DataFrame, SparkSession

LAYERS = {
    "source": ("src_customer", "src_account"),
    "staging": (
        "stg_customer", "quarantine_stg_customer", "held_customer",
        "stg_account", "quarantine_stg_account", "held_account",
    ),
    "snapshots": ("snap_customer", "snap_account"),
    "intermediate": ("int_account_with_customer", "int_account_without_customer", "int_savings_account_only"),
    "marts": ("account_summary", "customer_profile"),
}  # fmt: skip
PLACES = {table: f"{layer}/{table}" for layer, tables in LAYERS.items() for table in tables}


def bare(column: str) -> str:
    return rf"coalesce(regexp_replace({column}, '\\A[\\x09-\\x0d\\x20]+|[\\x09-\\x0d\\x20]+\\z', ''), '')"


def refusal(why: str, column: str) -> str:
    quoted = f"""concat("'", left({column}, 100), "'")"""
    return f"concat('{why}: ', coalesce({quoted}, 'null'))"


class Job:
    """One day's run into the directory `to`."""

    def __init__(self, spark: SparkSession, inputs: Path, to: Path):
        self.spark, self.inputs, self.to = spark, inputs, to
        self.run_at = f"TIMESTAMP '{datetime.now(timezone.utc).replace(tzinfo=None).isoformat(' ')}'"

    def run(self) -> None:
        self.extract("customer", "Customer.csv", ("customer_id", "name", "has_loan"))
        self.extract("account", "accounts.csv", ("account_id", "customer_id", "balance", "account_type"))
        self.judge("customer", CUSTOMER, ("customer_name", "has_loan_flag"))
        self.judge("account", ACCOUNT, ("customer_id", "balance_amount", "account_type"))
        self.history("customer", "new.loaded_at > now.dbt_updated_at", "new.loaded_at")
        self.history(
            "account",
            "(new.customer_id, new.balance_amount, new.account_type) "
            "!= (now.customer_id, now.balance_amount, now.account_type)",
            self.run_at,
        )
        for table, sql in DERIVED.items():
            self.write(table, self.spark.sql(sql.format(run_at=self.run_at)))
        for table, key in (("account_summary", "account_id"), ("customer_profile", "customer_id")):
            self.publish(table, key)

    def write(self, table: str, rows: DataFrame) -> None:
        """Write a table anew, and name it for the queries that follow."""
        place, new = self.to / PLACES[table], self.to / f"{PLACES[table]}.new"
        rows.write.mode("overwrite").parquet(str(new))
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
        self.read(table)

    def read(self, table: str) -> bool:
        place = self.to / PLACES[table]
        if place.exists():
            self.spark.read.parquet(str(place)).createOrReplaceTempView(table)
        return place.exists()

    def extract(self, entity: str, file: str, columns: tuple[str, ...]) -> None:
        schema = ", ".join(f"{column} STRING" for column in columns)
        read = self.spark.read.schema(schema).option("header", True).option("multiLine", False).option("escape", '"')
        read.csv(str(self.inputs / file)).createOrReplaceTempView("received")
        loaded_at = self.run_at
        source = "received"
        if self.read(f"src_{entity}"):
            same = " AND ".join(f"received.{c} <=> old.{c}" for c in columns)
            source = f"""received LEFT JOIN (
                SELECT {", ".join(columns)}, min(loaded_at) AS since FROM src_{entity} GROUP BY {", ".join(columns)}
            ) AS old ON {same}"""
            loaded_at = f"coalesce(old.since, {self.run_at})"
        names = ", ".join(f"received.{c}" for c in columns)
        self.write(f"src_{entity}", self.spark.sql(f"SELECT {names}, {loaded_at} AS loaded_at FROM {source}"))

    def judge(self, entity: str, sql: str, content: tuple[str, ...]) -> None:
        """Split a source's rows into accepted and refused ones."""
        key, values = f"{entity}_id", f"struct({', '.join(content)})"
        judged = f"""
            WITH cleaned AS ({sql}),
            counted AS (
                SELECT *,
                    count(*) OVER same AS copies,
                    min({values}) OVER same = max({values}) OVER same AS agree,
                    row_number() OVER (PARTITION BY {key}, reason IS NULL ORDER BY received) AS place
                FROM cleaned WINDOW same AS (PARTITION BY {key}, reason IS NULL)
            )
            SELECT *, CASE
                WHEN reason IS NOT NULL OR copies = 1 THEN reason
                WHEN NOT agree THEN {refusal(f"{key} comes more than once, with different values", f"received.{key}")}
                WHEN place > 1 THEN {refusal(f"{key} comes more than once, with the same values", f"received.{key}")}
            END AS failure_reason FROM counted"""
        rows = self.spark.sql(judged).cache()
        rows.createOrReplaceTempView("judged")
        accepted = f"SELECT {key}, {', '.join(content)}, loaded_at FROM judged WHERE failure_reason IS NULL"
        refused = f"""SELECT received.*, loaded_at, failure_reason, {self.run_at} AS quarantined_at
            FROM judged WHERE failure_reason IS NOT NULL"""
        self.write(f"stg_{entity}", self.spark.sql(accepted))
        self.write(f"quarantine_stg_{entity}", self.spark.sql(refused))
        rows.unpersist()
        held = f"""SELECT {KEY_OF_REFUSED[entity]} AS {key} FROM quarantine_stg_{entity}
            WHERE {KEY_OF_REFUSED[entity]} IS NOT NULL EXCEPT SELECT {key} FROM stg_{entity}"""
        self.write(f"held_{entity}", self.spark.sql(held))

    def history(self, entity: str, differs: str, updated_at: str) -> None:
        key = f"{entity}_id"
        version = f"""SELECT new.*,
            md5(concat(new.{key}, '|', date_format({updated_at}, 'yyyy-MM-dd HH:mm:ss.SSSSSS'))) AS dbt_scd_id,
            {updated_at} AS dbt_updated_at, {self.run_at} AS dbt_valid_from, CAST(NULL AS TIMESTAMP) AS dbt_valid_to
            FROM stg_{entity} AS new"""
        name = f"snap_{entity}"
        if not self.read(name):
            self.write(name, self.spark.sql(version))
            return
        kept = f"""SELECT now.* EXCEPT (dbt_valid_to), CASE
                WHEN now.dbt_valid_to IS NOT NULL THEN now.dbt_valid_to
                WHEN new.{key} IS NULL AND held.{key} IS NULL OR {differs} THEN {self.run_at}
            END AS dbt_valid_to
            FROM {name} AS now LEFT JOIN stg_{entity} AS new ON now.{key} = new.{key}
            LEFT JOIN held_{entity} AS held ON now.{key} = held.{key}"""
        opened = f"""{version} LEFT JOIN (SELECT * FROM {name} WHERE dbt_valid_to IS NULL) AS now
            ON now.{key} = new.{key} WHERE now.{key} IS NULL OR {differs}"""
        self.write(name, self.spark.sql(f"{kept} UNION ALL {opened}"))

    def publish(self, table: str, key: str) -> None:
        """Write a mart to one CSV and one Parquet file, in order."""
        outputs = self.to / "outputs"
        rows = self.spark.table(table).repartition(1).sortWithinPartitions(key)
        for format in ("csv", "parquet"):
            part = outputs / f"{table}.{format}.parts"
            rows.write.mode("overwrite").option("header", True).format(format).save(str(part))
            next(part.glob(f"part-*.{format}")).replace(outputs / f"{table}.{format}")
            shutil.rmtree(part)


def whole_number(text: str) -> str:
    return rf"TRY_CAST(CASE WHEN {text} RLIKE '\\A[+-]?[0-9]+\\z' THEN {text} END AS BIGINT)"


KEY_OF_REFUSED = {
    "customer": whole_number(bare("customer_id")),
    "account": f"nullif({bare('account_id')}, '')",
}

CUSTOMER = rf"""
    WITH bare AS (
        SELECT *, {bare("customer_id")} AS bare_id, lower({bare("name")}) AS customer_name,
            lower({bare("has_loan")}) AS loan
        FROM src_customer
    ),
    typed AS (SELECT *, {whole_number("bare_id")} AS id FROM bare)
    SELECT
        struct(customer_id, name, has_loan) AS received, id AS customer_id, customer_name,
        loan IN ('yes', 'y', 'true', '1') AS has_loan_flag, loaded_at,
        CASE
            WHEN bare_id = '' THEN {refusal("customer_id is blank", "customer_id")}
            WHEN id IS NULL THEN {refusal("customer_id is not an integer", "customer_id")}
            WHEN customer_name = '' THEN {refusal("name is blank", "name")}
            WHEN loan NOT IN ('yes', 'y', 'true', '1', 'no', 'n', 'false', '0', 'none', '')
                THEN {refusal("has_loan is neither yes nor no", "has_loan")}
        END AS reason
    FROM typed"""

ACCOUNT = rf"""
    WITH bare AS (
        SELECT *, {bare("account_id")} AS bare_id, {bare("customer_id")} AS bare_owner_id,
            {bare("balance")} AS bare_balance, lower({bare("account_type")}) AS kind
        FROM src_account
    ),
    typed AS (
        SELECT *,
            {whole_number("bare_owner_id")} AS owner_id,
            CASE WHEN bare_balance RLIKE '\\A[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)\\z' THEN bare_balance END AS number
        FROM bare
    ),
    valued AS (SELECT *, TRY_CAST(number AS DECIMAL(18, 2)) AS amount FROM typed)
    SELECT
        struct(account_id, customer_id, balance, account_type) AS received,
        bare_id AS account_id, owner_id AS customer_id, amount AS balance_amount, kind AS account_type, loaded_at,
        CASE
            WHEN bare_id = '' THEN {refusal("account_id is blank", "account_id")}
            WHEN bare_owner_id = '' THEN {refusal("customer_id is blank", "customer_id")}
            WHEN owner_id IS NULL THEN {refusal("customer_id is not an integer", "customer_id")}
            WHEN lower(bare_balance) IN ('', 'null', 'n/a', 'none') THEN {refusal("balance is blank", "balance")}
            WHEN number IS NULL THEN {refusal("balance is not a plain decimal", "balance")}
            WHEN amount IS NULL THEN {refusal("balance does not fit decimal(18,2)", "balance")}
            WHEN startswith(number, '-') AND number RLIKE '[1-9]' THEN {refusal("balance is negative", "balance")}
            WHEN kind = '' THEN {refusal("account_type is blank", "account_type")}
            WHEN kind NOT IN ('savings', 'checking')
                THEN {refusal("account_type is neither savings nor checking", "account_type")}
        END AS reason
    FROM valued"""

DERIVED = {
    "int_account_with_customer": """
        SELECT account_id, customer_id, balance_amount, account_type, customer_name, has_loan_flag,
            greatest(account.dbt_valid_from, customer.dbt_valid_from) AS valid_from_at,
            account.dbt_valid_to AS valid_to_at
        FROM snap_account AS account JOIN snap_customer AS customer USING (customer_id)
        WHERE account.dbt_valid_to IS NULL AND customer.dbt_valid_to IS NULL""",
    "int_account_without_customer": """
        SELECT account_id, customer_id, balance_amount, account_type, dbt_valid_from AS valid_from_at
        FROM snap_account AS account LEFT ANTI JOIN (SELECT * FROM snap_customer WHERE dbt_valid_to IS NULL) AS customer
        ON account.customer_id = customer.customer_id WHERE account.dbt_valid_to IS NULL""",
    "int_savings_account_only": """
        SELECT * EXCEPT (account_type) FROM int_account_with_customer WHERE account_type = 'savings'""",
    "account_summary": """
        WITH rated AS (
            SELECT *, CAST(
                CASE WHEN balance_amount < 10000 THEN 0.01 WHEN balance_amount < 20000 THEN 0.015 ELSE 0.02 END
                + CASE WHEN has_loan_flag THEN 0.005 ELSE 0 END AS DECIMAL(5, 4)
            ) AS interest_rate_pct
            FROM int_savings_account_only
        ),
        earned AS (
            SELECT *, CAST(round(balance_amount * interest_rate_pct, 2) AS DECIMAL(18, 2)) AS annual_interest_amount
            FROM rated
        )
        SELECT account_id, customer_id, balance_amount AS original_balance_amount, interest_rate_pct,
            annual_interest_amount,
            CAST(balance_amount + annual_interest_amount AS DECIMAL(18, 2)) AS new_balance_amount,
            {run_at} AS calculated_at
        FROM earned""",
    "customer_profile": """
        WITH totals AS (
            SELECT customer_id, count(*) AS total_accounts_count,
                CAST(sum(original_balance_amount) AS DECIMAL(18, 2)) AS total_balance_amount,
                CAST(sum(annual_interest_amount) AS DECIMAL(18, 2)) AS total_annual_interest_amount
            FROM account_summary GROUP BY customer_id
        )
        SELECT customer_id, customer_name, has_loan_flag, total_accounts_count, total_balance_amount,
            total_annual_interest_amount, {run_at} AS calculated_at
        FROM totals JOIN snap_customer USING (customer_id) WHERE dbt_valid_to IS NULL""",
}


@click.command()
@click.option(
    "--inputs", type=click.Path(path_type=Path, exists=True), required=True, help="Directory of the extracts."
)
@click.option("--database", type=click.Path(path_type=Path), required=True, help="Directory of tables and outputs.")
def main(inputs: Path, database: Path) -> None:
    """Build the tables and both outputs by plain Spark SQL, or bring them up to date."""
    settings = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true", "spark.sql.shuffle.partitions": "4",
    }  # fmt: skip
    builder = SparkSession.builder.master("local[*]").appName("by hand")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    Job(spark, inputs, database).run()
    spark.stop()


if __name__ == "__main__":
    main()
