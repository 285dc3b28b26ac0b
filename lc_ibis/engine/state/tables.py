"""The tables in which the engine remembers: their columns, and the version of their shape."""

from __future__ import annotations

from lc_ibis.declare.contracts import Contract, Flag, Integer, Moment, Text, column, key

LAYER = "state"


class Runs(Contract):
    """One row per run that changed something."""

    run_id: Integer = key("Number of the run; it only grows.")
    run_at: Moment = column("The run's time, UTC: what it wrote as loaded_at, dbt_valid_from and the like.")
    finished_at: Moment = column("When its transaction was written, UTC.")


class RunTables(Contract):
    """One row per run and table that it looked at."""

    run_id: Integer = key("The run.")
    table_name: Text = key("The table.")
    action: Text = column("created, updated or unchanged.")
    reason: Text = column("Why it was computed.")
    key_count: Integer | None = column("Keys whose rows were computed anew; null where all were.")
    added_count: Integer = column("Rows that it gained; for a history: versions opened.")
    changed_count: Integer = column("Rows that changed in place.")
    removed_count: Integer = column("Rows that it lost; for a history: versions closed.")
    row_count: Integer = column("Its rows thereafter.")


class TableState(Contract):
    """One row per stored table."""

    table_name: Text = key("The table.")
    version: Integer = column("The run that last changed its rows.")
    fingerprint: Text = column("sha256 of its code and contract.")
    row_count: Integer = column("Its rows.")


class InputState(Contract):
    """One row per stored table and table that it reads."""

    table_name: Text = key("The table.")
    input_name: Text = key("The table that it reads.")
    version: Integer = column("The version that it was built from.")


class FileState(Contract):
    """One row per output file."""

    file_name: Text = key("The file, in the directory of outputs.")
    version: Integer = column("The version of its table that it holds; below zero where formulas are neutralised.")
    sha256: Text = column("sha256 of its bytes.")


class CheckState(Contract):
    """One row per check of a table, as it last ended."""

    table_name: Text = key("The table.")
    check_name: Text = key("The check.")
    version: Integer = column("The newest version of the tables that it was last run on.")
    fingerprint: Text = column("sha256 of the code of the table's checks.")
    failing_count: Integer = column("Rows that broke it then; not zero only within its thresholds, or as a warning.")


class DeliveryState(Contract):
    """One row per file taken."""

    table_name: Text = key("The source.")
    file_name: Text = key("The file, below the inputs.")
    sha256: Text = key("sha256 of its bytes.")
    delivery: Text = column("full or delta; replaced: full, and another was taken since.")
    run_id: Integer = column("The run that took it.")


class ContractState(Contract):
    """One row per stored table and column, as the contract was when the table was last built."""

    table_name: Text = key("The table.")
    column_name: Text = key("The column.")
    position: Integer = column("Its place in the table, from 1.")
    type: Text = column("Its type, as Ibis writes it.")
    is_nullable: Flag = column("Whether it may be null.")
    is_key: Flag = column("Whether it is part of the key.")
    version: Integer = column("The version of the contract.")


class CodeState(Contract):
    """One row: the program that wrote the fingerprints."""

    digest: Text = key("sha256 of the program's files and of the versions of its libraries.")


class RetentionState(Contract):
    """One row per history that has let versions go."""

    table_name: Text = key("The history.")
    known_since: Moment = column("Versions that ended before it are gone; what was before is not known any more.")


class Schema(Contract):
    """One row: the shape of these tables."""

    version: Integer = key("The version of the shape; a program refuses one that it does not know.")


# The shape of the tables below; 1 is any of before it was written down.
VERSION = 2
TABLES = {
    "tables": TableState, "inputs": InputState, "files": FileState, "checks": CheckState, "code": CodeState,
    "deliveries": DeliveryState, "contracts": ContractState, "retention": RetentionState, "schema": Schema,
}  # fmt: skip
# Version 1 came in several shapes, of which these tables are part; a build that writes makes the others, in its
# transaction.
FIRST = {"tables", "inputs", "files", "runs"}
# The runs are written last: where there are any, all of the state is there.
LOGS = {"run_tables": RunTables, "runs": Runs}
