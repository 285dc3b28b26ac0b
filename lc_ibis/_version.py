"""The installed version."""

from __future__ import annotations


def version() -> str:
    """Return the installed version of lc-ibis."""
    from importlib.metadata import version as installed

    return installed("lc-ibis")
