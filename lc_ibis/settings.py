"""Settings: what a run can be told. Flags over environment variables (LC_IBIS_…) over lc-ibis.toml over defaults."""

from __future__ import annotations

import math
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lc_ibis.errors import SettingsError, hint
from lc_ibis.moments import parse_period
from lc_ibis.redaction import keep
from lc_ibis.setting_values import converted, origins

Delivery = Literal["full", "delta"]
Format = Literal["json", "html", "junit"]
# By backend: where its tables live unless told otherwise.
BACKENDS = {"duckdb": Path("data/duckdb/lc.duckdb"), "spark": Path("data/spark"), "databricks": Path("lc_ibis")}
MOST_THREADS = 1024
DELIVERIES: tuple[Delivery, ...] = typing.get_args(Delivery)
FORMATS: tuple[Format, ...] = typing.get_args(Format)

# The groups of options, in the order in which help shows them.
GROUPS = ("Location", "Delivery", "Selection", "Guards", "Outputs", "Notifications", "Engine")


@dataclass(frozen=True)
class Option:
    """How a setting is shown as an option of commands."""

    group: str
    help: str
    metavar: str | None = None
    default: str | None = None  # where the field's own says less
    short: str | None = None


def _setting(
    default: Any, group: str, help: str, metavar: str | None = None, shown: str | None = None, short: str | None = None
) -> Any:
    facts: dict[str, Any] = {"metadata": {"option": Option(group, help, metavar, shown, short)}}
    return field(default_factory=dict, **facts) if default is dict else field(default=default, **facts)


def _age(help: str) -> Any:
    return _setting(None, "Guards", help, "HOURS", "never")


@dataclass(frozen=True)
class Settings:
    """All that a run can be told. Every field is an option, LC_IBIS_<FIELD>, and a line of lc-ibis.toml."""

    # fmt: off
    models: tuple[str, ...] = _setting(
        (), "Location",
        "A package with models of your own, installed or in the current directory. May be repeated.",
        "PACKAGE",
    )
    backend: str = _setting("duckdb", "Location", f"Where the tables live: {', '.join(BACKENDS)}.")
    database: Path | None = _setting(
        None, "Location",
        "The DuckDB file, the directory of Spark's tables, or catalog.prefix of the schemas of Delta tables.",
        shown=" or ".join(map(str, BACKENDS.values())),
    )
    master: str | None = _setting(None, "Location", "A Spark cluster, like spark://host:7077.", "URL", "this machine")
    remote: str | None = _setting(None, "Location", "A Spark Connect server, like sc://host:15002.", "URL")
    inputs: Path = _setting(Path("data/inputs"), "Location", "Directory of the extracts.")
    outputs: Path = _setting(Path("data/outputs"), "Location", "Directory of the output files.")
    reports: Path = _setting(Path("data/quality_reports"), "Location", "Directory of the quality reports.")
    publish: Path | None = _setting(
        None, "Outputs", "After each build, copy the database to this file. Readers can open it during builds.", "FILE"
    )
    partitioned: bool = _setting(
        False, "Outputs", "Write each output as a directory of Parquet files instead of one CSV and one Parquet file."
    )
    neutralise_formulas: bool = _setting(
        False, "Outputs",
        "In CSV, put an apostrophe before texts that a spreadsheet would run as formulas: those that begin with =, +, "
        "-, @, tab or carriage return.",
    )
    source: dict[str, str] = _setting(
        dict, "Delivery", metavar="NAME=GLOB",
        help="Files of a source, as a glob below the inputs: src_account='accounts/2026-*.csv.gz'.",
    )
    delivery: Delivery = _setting(
        "full", "Delivery",
        "full: each file is the whole extract. delta: it holds only changes, with a column _op (upsert, delete; blank "
        "is upsert).",
    )
    select: tuple[str, ...] = _setting(
        (), "Selection",
        "Tables, layers or patterns. +NAME adds everything upstream, NAME+ everything downstream.", "TERM",
        short="-s",
    )
    exclude: tuple[str, ...] = _setting((), "Selection", "Leave these out. Same syntax as --select.", "TERM")
    full_refresh: bool = _setting(False, "Selection", "Rebuild every table. History stays.")
    verify: bool = _setting(False, "Guards", "Before publishing, compare every table with a full refresh.")
    verify_sample: int | None = _setting(
        None, "Guards", "Before publishing, compare N keys of each incremental table with a full refresh.", "N"
    )
    allow_mass_delete: bool = _setting(
        False, "Guards", "Accept an extract that lacks more than the usual share of keys."
    )
    allow_replay: bool = _setting(False, "Guards", "Load a file again that has been superseded since.")
    max_delete_share: float = _setting(0.5, "Guards", "Share of current keys that may disappear at once.")
    warn_refused_share: float = _setting(0.05, "Guards", "Warn if more than this share of a source's rows is refused.")
    max_refused_share: float = _setting(
        0.5, "Guards", "Publish nothing if more than this share of a source's rows is refused."
    )
    warn_jump_factor: float = _setting(
        10.0, "Guards",
        "Warn if a load brings this many times as many new, or refused, rows of a source as usual.", "FACTOR",
    )
    warn_error: bool = _setting(False, "Guards", "Treat warnings as errors.")
    keep_history: str | None = _setting(
        None, "Outputs", "Purge versions that ended longer ago: 90d, 8w, 18m or 7y. Current ones stay.",
        "PERIOD", "all stay",
    )
    store_failures: bool = _setting(
        False, "Outputs", "Keep the rows that break checks in the database, whether or not the build publishes."
    )
    warn_file_age: float | None = _age("Warn if the files of a source are older.")
    max_file_age: float | None = _age("Publish nothing if the files of a source are older.")
    warn_data_age: float | None = _age("Warn if the rows of a source have not changed for so long.")
    max_data_age: float | None = _age("Publish nothing if the rows of a source have not changed for so long.")
    notify: str | None = _setting(
        None, "Notifications",
        "If the build fails, post JSON to this http(s) address, or run this command with it as input.",
        "TARGET",
    )
    notify_values: bool = _setting(
        False, "Notifications", "Include the error's message and values of failing rows in the notification."
    )
    openlineage: str | None = _setting(
        None, "Notifications",
        "Send OpenLineage events of the build to this file or http(s) address. No values.", "TARGET",
    )
    wait: float = _setting(0.0, "Engine", "How long to wait while another process has the database open.", "SECONDS")
    threads: int | None = _setting(None, "Engine", "Threads of the engine.", shown="all cores")
    no_cache: bool = _setting(
        False, "Engine", "Compile all SQL again. Neither read nor write the cache of compiled SQL."
    )
    memory_limit: str | None = _setting(
        None, "Engine", "Memory of the engine, like 1GB. The rest spills to disk.",
        shown="1500MB for duckdb; Spark's own for spark",
    )
    # fmt: on

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
        for origin, given in origins(types, flags):
            for name, value in given.items():
                if name not in types:
                    raise SettingsError(f"{origin}: there is no setting {name}.{hint(name, types)}")
                values[name] = converted(origin, name, value, types[name])
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
