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

    from lc_ibis.settings import Options


def test(**options: Unpack[Options]) -> Run:
    """Run the selected models' checks on the stored tables; nothing is written."""
    with connect(**options) as warehouse:
        return warehouse.test(warehouse.selected())


def mutate(**options: Unpack[Options]) -> list[Mutated]:
    """Break copies of the selected models' tables, and say of each check whether it notices; nothing is written."""
    with connect(**options) as warehouse:
        return warehouse.mutate(warehouse.selected())


def verify(**options: Unpack[Options]) -> list[Verified]:
    """Make every table anew from what was received and the histories, and compare.

    Nothing is written to the database. In the directory of reports it is noted for lc-ibis doctor, if no partial build
    had left tables behind, which cannot be compared.
    """
    with connect(**options) as warehouse:
        results = warehouse.verify()
        last_verify.note(warehouse.settings.reports, warehouse.pipeline, warehouse.store, warehouse.state, results)
        return results
