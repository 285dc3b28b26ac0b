"""Settings: flags over environment variables (LC_IBIS_…) over lc-ibis.toml over defaults."""

from __future__ import annotations

import difflib
import math
import os
import re
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lc_ibis.errors import SettingsError, hint
from lc_ibis.files import texts
from lc_ibis.moments import parse_period
from lc_ibis.redaction import keep

FILE = "lc-ibis.toml"
Delivery = Literal["full", "delta"]
Format = Literal["json", "html", "junit"]
# By backend: where its tables live unless told otherwise.
BACKENDS = {"duckdb": Path("data/duckdb/lc.duckdb"), "spark": Path("data/spark"), "databricks": Path("lc_ibis")}
MOST_THREADS = 1024
_PREFIX = "LC_IBIS_"
# What only the command line can be told: options that are no fields of Settings. They have variables too.
COMMAND_OPTIONS = (
    "adopt_snapshots", "as_of", "changes", "checklist", "clean_versions", "column", "csv", "data_timezone",
    "dbt_manifest", "debug", "dialect", "drop_aliases", "dry_run", "failing", "first_known", "fold_unchanged",
    "force", "format", "from", "json", "limit", "markdown", "mutate", "no_color", "open", "partition_by",
    "phase", "port", "quiet", "reason", "repair", "sample", "snapshot_columns", "snapshot_timezone", "stored",
    "then", "to", "with", "yes",
)  # fmt: skip
DELIVERIES: tuple[Delivery, ...] = ("full", "delta")
FORMATS: tuple[Format, ...] = ("json", "html", "junit")


@dataclass(frozen=True)
class Settings:
    """All that a run can be told. Every field is a flag, LC_IBIS_<FIELD>, and a line of lc-ibis.toml."""

    models: tuple[str, ...] = ()
    backend: str = "duckdb"
    database: Path | None = None
    master: str | None = None
    remote: str | None = None
    inputs: Path = Path("data/inputs")
    outputs: Path = Path("data/outputs")
    reports: Path = Path("data/quality_reports")
    publish: Path | None = None
    partitioned: bool = False
    neutralise_formulas: bool = False
    source: dict[str, str] = field(default_factory=dict)
    delivery: Delivery = "full"
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    full_refresh: bool = False
    verify: bool = False
    verify_sample: int | None = None
    allow_mass_delete: bool = False
    allow_replay: bool = False
    max_delete_share: float = 0.5
    warn_refused_share: float = 0.05
    max_refused_share: float = 0.5
    warn_jump_factor: float = 10.0
    warn_error: bool = False
    keep_history: str | None = None
    store_failures: bool = False
    warn_file_age: float | None = None
    max_file_age: float | None = None
    warn_data_age: float | None = None
    max_data_age: float | None = None
    notify: str | None = None
    notify_values: bool = False
    openlineage: str | None = None
    wait: float = 0.0
    threads: int | None = None
    memory_limit: str | None = None

    @property
    def thresholds(self) -> dict[str, tuple[float, float]]:
        """By name of a check: its thresholds for a warning and for an error."""
        return {"few_refused": (self.warn_refused_share, self.max_refused_share)}

    @property
    def place(self) -> Path:
        """Where the tables live: the database, or the backend's own place."""
        return self.database or BACKENDS[self.backend]

    def schema_of(self, layer: str) -> tuple[str | None, str]:
        """Return catalog and schema of a layer's tables, so far as they are known without a connection."""
        if self.backend == "duckdb":
            return self.place.stem, layer
        if (self.remote or self.backend == "databricks") and str(self.place).count(".") == 1:
            catalog, prefix = str(self.place).split(".")
            return catalog, f"{prefix}_{layer}"
        return None, layer

    @classmethod
    def load(cls, **flags: Any) -> Settings:
        """Read the settings; `flags` that are None were not given. Raises SettingsError."""
        types = typing.get_type_hints(cls)
        values: dict[str, Any] = {}
        for origin, given in _origins(types, flags):
            for name, value in given.items():
                if name not in types:
                    raise SettingsError(f"{origin}: there is no setting {name}.{hint(name, types)}")
                values[name] = _converted(origin, name, value, types[name])
        settings = cls(**values)
        if settings.notify and "://" in settings.notify:
            # What follows the host of such an address is what lets one post there.
            keep("/" + settings.notify.split("://", 1)[1].partition("/")[2])
        settings._verify()
        return settings

    def _verify(self) -> None:
        if self.remote and not self.remote.startswith("sc://"):
            raise SettingsError("remote: a Spark Connect server is named like sc://host:15002.")
        if self.remote and self.master:
            raise SettingsError("remote: a Spark Connect server has a cluster of its own. Leave --remote or --master.")
        if self.backend not in BACKENDS:
            raise SettingsError(f"backend: {self.backend!r} is not one of {', '.join(BACKENDS)}.")
        if self.delivery not in DELIVERIES:
            raise SettingsError(f"delivery: {self.delivery!r} is not one of {', '.join(DELIVERIES)}.")
        for name in ("max_delete_share", "warn_refused_share", "max_refused_share"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise SettingsError(f"{name}: {share} is no share; it lies from 0 to 1 (0.5 is half).")
        for name in ("warn_file_age", "max_file_age", "warn_data_age", "max_data_age"):
            hours = getattr(self, name)
            if hours is not None and not 0 <= hours < math.inf:
                raise SettingsError(f"{name}: {hours} is no number of hours.")
        if not 0 <= self.wait < math.inf:
            raise SettingsError(f"wait: {self.wait} is no number of seconds.")
        if not 1 <= self.warn_jump_factor < math.inf:
            raise SettingsError(f"warn_jump_factor: {self.warn_jump_factor} is no factor; it is 1 or more.")
        if self.verify_sample is not None and self.verify_sample < 0:
            raise SettingsError(f"verify_sample: {self.verify_sample} is no number of keys.")
        if self.keep_history is not None:
            parse_period(self.keep_history)
        if self.publish:
            self._verify_publish(self.publish)
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise SettingsError(f"threads: {self.threads} is not from 1 to {MOST_THREADS}.")
        if self.memory_limit and not re.fullmatch(r"\d+(\.\d+)?\s*[kKmMgGtT]?i?[bB]", self.memory_limit.strip()):
            raise SettingsError(f"memory_limit: {self.memory_limit!r} is no size like 1GB.")

    def _verify_publish(self, place: Path) -> None:
        if self.backend != "duckdb":
            raise SettingsError(f"publish: a build on {self.backend} keeps no reader waiting. Leave --publish.")
        if place.resolve() == self.place.resolve():
            raise SettingsError(f"publish: {place} is the database itself. Name another file for its readers.")


def _origins(types: Mapping[str, Any], flags: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
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


def _converted(origin: str, name: str, value: Any, wanted: Any) -> Any:
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
