"""What ends a build before it is published: stale sources, jumps, failed checks, differences."""

from __future__ import annotations

from collections.abc import Iterable

from lc_ibis.declare.checks import sentence
from lc_ibis.engine.prove import freshness, jumps
from lc_ibis.engine.prove.verifying import Verified
from lc_ibis.engine.state.run import Run
from lc_ibis.errors import ChecksFailed, StaleSource, VerificationFailed


def refuse_differences(results: Iterable[Verified]) -> None:
    """Raise VerificationFailed where a stored table differs."""
    differing = [result for result in results if result.status == "differs"]
    if differing:
        listed = "\n".join(f"  {result.table}: {_differing(result)}" for result in differing)
        raise VerificationFailed(
            f"These tables differ from a full refresh:\n{listed}\n"
            "Build with --full-refresh to recompute all tables but the histories, and please report it."
        )


def _differing(result: Verified) -> str:
    keys = "; ".join(" ".join(f"{name} {value}" for name, value in key.items()) for key in result.keys)
    more = "; …" if result.differing_count > len(result.keys) else ""
    return f"{result.differing_count:,} {'key differs' if result.differing_count == 1 else 'keys differ'}: {keys}{more}"


def refuse_warnings(run: Run, warn_error: bool) -> None:
    """Raise ChecksFailed where a run has warnings, and they count as errors."""
    if run.warnings and warn_error:
        raise ChecksFailed(f"Nothing was published: {'; '.join(run.warnings)}")


def refuse_stale(run: Run, warn_error: bool) -> None:
    """Raise StaleSource where a source is too old."""
    stale = [found for found in run.freshness if found.status == "fail" or (found.status == "warn" and warn_error)]
    if stale:
        listed = "\n".join(f"  {freshness.sentence(found)}" for found in stale)
        raise StaleSource(f"Sources are stale. Nothing was published:\n{listed}")


def refuse_jumps(run: Run, warn_error: bool) -> None:
    """Raise ChecksFailed where tables grew suddenly, and warnings count as errors."""
    if run.jumps and warn_error:
        listed = "\n".join(f"  {jumps.sentence(jump)}" for jump in run.jumps)
        raise ChecksFailed(f"Tables grew suddenly. Nothing was published:\n{listed}")


def refuse_failures(run: Run) -> None:
    """Raise ChecksFailed where a check of severity error failed."""
    failures = [result for result in run.checks if result.status == "fail"]
    if failures:
        listed = "\n".join(f"  {sentence(result)}" for result in failures)
        checks = "1 check" if len(failures) == 1 else f"{len(failures)} checks"
        raise ChecksFailed(f"{checks} failed, so nothing was published:\n{listed}")
