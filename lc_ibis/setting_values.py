"""Where the values of settings come from: options, environment variables, lc-ibis.toml; and how texts become values."""

from __future__ import annotations

import difflib
import os
import re
import sys
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lc_ibis.errors import SettingsError
from lc_ibis.files import texts

FILE = "lc-ibis.toml"
_PREFIX = "LC_IBIS_"
# What only the command line can be told: options that are no fields of Settings. They have variables too.
COMMAND_OPTIONS = (
    "adopt_snapshots", "as_of", "by_key", "changes", "checklist", "clean_versions", "column", "csv", "data_timezone",
    "dbt_manifest", "debug", "dialect", "drop_aliases", "dry_run", "failing", "first_known", "fold_unchanged",
    "force", "format", "from", "json", "limit", "markdown", "mutate", "no_color", "open", "partition_by",
    "phase", "port", "quiet", "reason", "repair", "sample", "snapshot_columns", "snapshot_timezone", "stored",
    "then", "to", "with", "yes",
)  # fmt: skip


def origins(types: Mapping[str, Any], flags: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the settings of the file, the environment and the options; a later one wins. Raises SettingsError."""
    environment = {n: os.environ[_variable(n)] for n in types if os.environ.get(_variable(n))}
    given = {name: value for name, value in flags.items() if value is not None}
    _refuse_misspelt(types)
    return [(FILE, _file()), ("environment", environment), ("option", given)]


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _refuse_misspelt(settings: Iterable[str]) -> None:
    """Raise SettingsError where a variable is named as ours are, and is none of them."""
    known = {name.upper() for name in (*settings, *COMMAND_OPTIONS)}
    for name, value in sorted(os.environ.items()):
        is_ours = name.upper().startswith(_PREFIX) and not name.startswith(f"{_PREFIX}TEST_")
        if value and is_ours and name.removeprefix(_PREFIX) not in known and not is_of_kubernetes(name, value):
            near = difflib.get_close_matches(name.upper().removeprefix(_PREFIX), known, n=1, cutoff=0.7)
            other = f"Did you mean {_variable(near[0])}?" if near else "LC_IBIS_QUIET is that of --quiet, and so on."
            raise SettingsError(f"environment: there is no setting {name}. {other}")


def is_of_kubernetes(name: str, value: str) -> bool:
    """Say whether Kubernetes has set a variable: it tells all pods of a service by the service's name."""
    if re.search(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$", name):
        return True
    return name.endswith("_PORT") and "://" in value


def _file() -> dict[str, Any]:
    path = Path(FILE)
    if not path.exists():
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        read = tomllib.loads(texts.read(path))
    except (tomllib.TOMLDecodeError, texts.NotUtf8, OSError) as error:
        raise SettingsError(f"{path.resolve()}: it cannot be read as TOML ({error}).") from None
    return {name.replace("-", "_"): value for name, value in read.items()}


def converted(origin: str, name: str, value: Any, wanted: Any) -> Any:
    """Turn the text of a variable, or the value of a flag or TOML line, into the field's type."""
    try:
        if wanted in (Path, Path | None):
            return Path(_text(value).encode("utf-8").decode("utf-8"))
        if wanted is bool:
            return _TRUTH[str(value).lower()]
        if typing.get_origin(wanted) is tuple:
            return tuple(value.split() if isinstance(value, str) else map(_text, value))
        if typing.get_origin(wanted) is dict:
            return _pairs(value)
        if wanted in (float, float | None, int | None):
            return _number(value, int if wanted == int | None else float)
        return _text(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise SettingsError(f"{origin}: {name} = {value!r} cannot be read as {_form(wanted)}.") from None


def _form(wanted: Any) -> str:
    if wanted in (Path, Path | None):
        return "a path"
    forms = {bool: "true or false", float: "a number", float | None: "a number", int | None: "a whole number"}
    if typing.get_origin(wanted) is tuple:
        return "a list of texts"
    if typing.get_origin(wanted) is dict:
        return "NAME=GLOB pairs"
    return forms.get(wanted, "a text")


# The words that options which are no settings understand too.
_TRUTH = {
    **dict.fromkeys(("true", "t", "1", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n", "off"), False),
}


def _text(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(value)
    return str(value)


def _number(value: Any, kind: type[int] | type[float]) -> float:
    if isinstance(value, bool) or (kind is int and isinstance(value, float)):
        raise TypeError(value)
    return kind(value)


def _pairs(value: Any) -> dict[str, str]:
    """Read {'src_account': 'accounts/*.csv'}, or the text src_account=accounts/*.csv,…"""
    if isinstance(value, Mapping):
        return {str(k): _text(v) for k, v in value.items()}
    items = value.split(",") if isinstance(value, str) else value
    pairs = [item.split("=", 1) for item in items]
    return {name.strip(): pattern.strip() for name, pattern in pairs}
