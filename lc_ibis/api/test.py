"""Are the tables right? Checks, checks of the checks, and a full refresh to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_ibis.api.warehouse import connect
from lc_ibis.engine.prove.mutating import Mutated
from lc_ibis.engine.prove.verifying import Verified
from lc_ibis.engine.state.run import Run
from lc_ibis.reporting import last_verify

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lc_ibis.options import Options


def test(**options: Unpack[Options]) -> Run:
    """Run the checks of the selected models on the stored tables. Writes nothing."""
    with connect(**options) as warehouse:
        return warehouse.test(warehouse.selected())


def mutate(**options: Unpack[Options]) -> list[Mutated]:
    """Break copies of the selected tables, and return for each check whether it detects it. Writes nothing."""
    with connect(**options) as warehouse:
        return warehouse.mutate(warehouse.selected())


def verify(**options: Unpack[Options]) -> list[Verified]:
    """Recompute every table from the source tables and the histories, and compare.

    The database is not changed. If every table could be compared, the result is saved in the directory of reports for
    lc-ibis doctor. After a partial build, tables older than their inputs are skipped.
    """
    with connect(**options) as warehouse:
        results = warehouse.verify()
        last_verify.note(warehouse.settings.reports, warehouse.pipeline, warehouse.store, warehouse.state, results)
        return results
