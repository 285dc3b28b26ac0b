"""The checks of a model as templates: which rows fail them, and on what part of a table they may be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

from lc_ibis.compiled.program import Locality
from lc_ibis.compiled.queries import Template
from lc_ibis.declare.checks import Check
from lc_ibis.declare.models import Model
from lc_ibis.declare.rules.misplaced import misplaced
from lc_ibis.declare.rules.untyped import untyped
from lc_ibis.declare.rules.ways import Untraceable
from lc_ibis.errors import ModelError

if TYPE_CHECKING:
    from lc_ibis.compiled.making import Maker


def rules(maker: Maker, model: Model) -> dict[str, Any]:
    """Return the rows of a model, each with what says whether it breaks the checks that can tell of a row alone.

    Those columns are `names`, by check.
    """
    table = maker.unbound[model.name]
    alone = [check for check in model.checks if check.breaks and check.looks_at_one_row(table)]
    names = {check.name: f":c{i}" for i, check in enumerate(alone)}
    broken = {names[check.name]: check.is_broken(table) for check in alone}
    return {"rows": _template(maker, model, table.mutate(**broken) if broken else table), "names": names}


def failing(maker: Maker, model: Model, check: Check) -> Template:
    """Return the rows that fail a check."""
    return _template(maker, model, check.rows(maker.unbound[model.name], maker.unbound))


def locality(maker: Maker, model: Model, check: Check) -> Locality:
    """Say of what a check may be run on a part: see Locality."""
    table = maker.unbound[model.name]
    if check.breaks is not None:
        return "rows" if check.looks_at_one_row(table) else "none"
    if not check.by:
        return "none"
    failing, own = check.rows(table, maker.unbound), tuple(check.by)
    if not set(own) <= set(failing.columns):
        return "none"
    try:
        ways = maker.pipeline.tracer().ways([(failing.op(), tuple(failing[name].op() for name in own))])
    except Untraceable:
        return "none"
    read = (model.name, *check.needs)
    is_local = not ways.gives_others and all(
        maker.pipeline[path.table].is_stored
        and path.table in read
        and not path.hops
        and all(isinstance(value, ops.Field) for value in path.values)
        and tuple(value.name for value in path.values) == own
        for path in ways.paths
    )
    return "keys" if is_local else "none"


def _template(maker: Maker, model: Model, query: ir.Table) -> Template:
    if why := misplaced(query) or untyped(query):
        raise ModelError(f"{model.name} ({model.where}), among its checks: {why}")
    return maker.template(query)
