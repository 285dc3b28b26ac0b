"""Are the tables right? Checks, checks of the checks, and a full refresh to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from lc_ibis.api.warehouse import Warehouse, connect
from lc_ibis.engine.prove import mutating, verifying
from lc_ibis.engine.prove.checking import Checker
from lc_ibis.engine.prove.mutating import Mutated
from lc_ibis.engine.prove.verifying import Verified
from lc_ibis.engine.relations import as_they_are
from lc_ibis.engine.state.run import Run
from lc_ibis.engine.state.state import utc_now
from lc_ibis.reporting import last_verify
from lc_ibis.reporting.views import ShownRun

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.keywords import Options


def test(**options: Unpack[Options]) -> Run:
    """Run the selected models' checks on the stored tables; nothing is written.

    Returns a run whose `checks` are the results, a CheckResult each, and whose `status` is passed or failed. Raises
    SelectionError, SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        return checked(warehouse, warehouse.selected())


def mutate(**options: Unpack[Options]) -> list[Mutated]:
    """Break copies of the selected models' tables, and say of each check whether it notices; nothing is written.

    Returns a Mutated for each check. Raises SelectionError, SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        return mutated(warehouse, warehouse.selected())


def verify(**options: Unpack[Options]) -> list[Verified]:
    """Recompute every table from what was received and the histories, and compare it with what is stored.

    Returns a Verified for each table: identical, differs or skipped. Nothing is written to the database. The directory
    of reports gets a note for lc-ibis doctor, unless a partial build left tables behind that cannot be compared. Raises
    SettingsError, DatabaseError.
    """
    with connect(**options) as warehouse:
        results = verified(warehouse)
        last_verify.note(warehouse.settings.reports, warehouse.pipeline, warehouse.store, warehouse.state, results)
        return results


def checked(warehouse: Warehouse, names: Iterable[str]) -> Run:
    """Run all checks of the named models on all rows of the stored tables, and return them as a run."""
    started = perf_counter()
    run_id = warehouse.state.last_run[0] if warehouse.state.last_run else 0
    run = ShownRun(run_id, utc_now(), lineage=warehouse.pipeline.lineage)
    tables = as_they_are(warehouse.program, warehouse.store, run.run_at)
    checker = Checker(
        warehouse.program, warehouse.store, tables, warehouse.state,
        thresholds=warehouse.settings.thresholds, warn_error=warehouse.settings.warn_error,
    )  # fmt: skip
    run.checks = checker.run(names)
    run.ledger = checker.ledger()
    run.status = "failed" if any(result.status == "fail" for result in run.checks) else "passed"
    run.seconds = perf_counter() - started
    return run


def mutated(warehouse: Warehouse, names: Iterable[str]) -> list[Mutated]:
    """Break copies of the named models' tables, and return for each check whether it notices."""
    return list(mutating.mutated(warehouse.pipeline, warehouse.store, warehouse.tables, names))


def verified(warehouse: Warehouse) -> list[Verified]:
    """Recompute every table in scratch space, and return how it compares with what is stored."""
    return list(verifying.verify_tables(warehouse.program, warehouse.store, warehouse.state))
