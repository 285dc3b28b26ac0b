"""Settings as keyword arguments, which editors and notebooks complete."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from lc_ibis.settings import Delivery


class Options(TypedDict, total=False):
    """Settings as keyword arguments. What is not given, or is None, is read from the environment and lc-ibis.toml."""

    models: Sequence[str] | None
    backend: str | None
    database: str | Path | None
    master: str | None
    remote: str | None
    inputs: str | Path | None
    outputs: str | Path | None
    reports: str | Path | None
    publish: str | Path | None
    partitioned: bool | None
    neutralise_formulas: bool | None
    source: Mapping[str, str] | None
    delivery: Delivery | None
    select: str | Sequence[str] | None
    exclude: str | Sequence[str] | None
    full_refresh: bool | None
    verify: bool | None
    verify_sample: int | None
    allow_mass_delete: bool | None
    allow_replay: bool | None
    max_delete_share: float | None
    warn_refused_share: float | None
    max_refused_share: float | None
    warn_jump_factor: float | None
    warn_error: bool | None
    keep_history: str | None
    store_failures: bool | None
    warn_file_age: float | None
    max_file_age: float | None
    warn_data_age: float | None
    max_data_age: float | None
    notify: str | None
    notify_values: bool | None
    openlineage: str | None
    wait: float | None
    threads: int | None
    no_cache: bool | None
    memory_limit: str | None


def completed(found: Any) -> Any:
    """Let a function that takes Options show each as a parameter: IPython completes those, and knows no Unpack."""
    if not inspect.isfunction(found) or hasattr(found, "__signature__"):
        return found
    signature = inspect.signature(found)
    known = dict(signature.parameters)
    if str(known.get("options")).endswith("Unpack[Options]'"):
        del known["options"]
        known |= {
            name: inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation.__forward_arg__
            )
            for name, annotation in Options.__annotations__.items()
            if name not in known
        }
        vars(found)["__signature__"] = signature.replace(parameters=list(known.values()))
    return found
