"""Are the tables right? Checks, checks of the checks, and a full refresh to compare with."""

from __future__ import annotations

from typing import Any

from lc_ibis.api.warehouse import connect
from lc_ibis.engine.prove.mutating import Mutated
from lc_ibis.engine.prove.verifying import Verified
from lc_ibis.engine.state.run import Run
from lc_ibis.reporting import last_verify


def test(**options: Any) -> Run:
    """Run the checks of the selected models on the stored tables. Writes nothing."""
    with connect(**options) as warehouse:
        return warehouse.test(warehouse.selected())


def mutate(**options: Any) -> list[Mutated]:
    """Break copies of the selected tables, and return for each check whether it detects it. Writes nothing."""
    with connect(**options) as warehouse:
        return warehouse.mutate(warehouse.selected())


def verify(**options: Any) -> list[Verified]:
    """Recompute every table from the source tables and the histories, and compare.

    The database is not changed. If every table could be compared, the result is saved in the directory of reports for
    lc-ibis doctor. After a partial build, tables older than their inputs are skipped.
    """
    with connect(**options) as warehouse:
        results = warehouse.verify()
        last_verify.note(warehouse.settings.reports, warehouse.pipeline, warehouse.store, warehouse.state, results)
        return results
