"""Data flows down this list; the only place that knows of customers and accounts."""

from lc_ibis.declare import Pipeline
from lc_ibis.layers import intermediate, ledger, marts, snapshots, source, staging
from lc_ibis.layers.outputs import outputs

pipeline = Pipeline.of(source, staging, snapshots, intermediate, marts, ledger, outputs=outputs)
