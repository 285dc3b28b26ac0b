"""A run that a notebook shows as the head of its report."""

from __future__ import annotations

from lc_ibis.engine.run import Run


class ShownRun(Run):
    """A run, and what a notebook shows of it; the engine knows of no pages."""

    def _repr_html_(self) -> str:
        """The verdict, the counts, and what warns or failed."""
        from lc_ibis.quality import notebook, report

        return notebook.run(report.document(self))
