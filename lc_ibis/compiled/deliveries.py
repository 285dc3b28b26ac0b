"""What the rows of a source's deltas say."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from lc_ibis.compiled.queries import FILE_ORDER, ROWS
from lc_ibis.compiled.templates import given
from lc_ibis.declare.marks import OPERATION
from lc_ibis.declare.models import Model, key_values

_SPACE, _WRITTEN = r"[\x09-\x0d\x20]", r"[^\x09-\x0d\x20]"


def operations(model: Model) -> ir.Table:
    """Return the rows of deltas, read: over :rows, which are the received columns, _op, and the number of the file.

    Adds lc_ibis_key_<column>, the key that a row is about; lc_ibis_is_known, whether all of it can be read;
    lc_ibis_is_written, whether there is a text of it. _op is in lower case, without spaces.
    """
    texts = dict.fromkeys((*model.contract.headers(), OPERATION), "string")
    rows = given(ROWS, ibis.schema({**texts, FILE_ORDER: "int64"}))
    names = model.contract.received_key()
    keys = {f"lc_ibis_key_{name}": value for name, value in key_values(model, rows, names).items()}
    operation = rows[OPERATION].fill_null("").re_replace(_SPACE, "").lower()
    read = rows.mutate(**{OPERATION: operation}, **keys)
    return read.mutate(
        lc_ibis_is_known=ibis.and_(*(read[key].notnull() for key in keys)),
        lc_ibis_is_written=ibis.or_(*(read[name].re_search(_WRITTEN).fill_null(False) for name in names)),
    )
