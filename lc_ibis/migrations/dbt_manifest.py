"""What dbt's manifest.json says of snapshots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lc_ibis.errors import MigrationError
from lc_ibis.files import texts


@dataclass(frozen=True)
class Configured:
    """A snapshot as it is configured: its table, dbt's columns' names, the end of open versions; all in words too."""

    database: str
    schema: str
    name: str
    columns: Mapping[str, str]
    valid_to_current: str | None
    key: tuple[str, ...]
    said: str

    @property
    def place(self) -> str:
        return f"{self.database}.{self.schema}.{self.name}"


def snapshots(path: Path) -> dict[str, Configured]:
    """Return the snapshots of a project by their names. Raises MigrationError where the file is no manifest."""
    try:
        document = json.loads(texts.read(path))
        nodes = document["nodes"].values()
        return {node["name"]: _configured(node) for node in nodes if node["resource_type"] == "snapshot"}
    except FileNotFoundError:
        raise MigrationError(
            f"--dbt-manifest {path}: the file does not exist. Create target/manifest.json with dbt parse."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MigrationError(
            f"--dbt-manifest {path}: not a dbt manifest ({type(error).__name__}: {error}). Create "
            "target/manifest.json with dbt parse."
        ) from None


def _configured(node: Mapping[str, Any]) -> Configured:
    config = node["config"]
    end, key = config.get("dbt_valid_to_current"), config.get("unique_key")
    names = {str(name): str(there) for name, there in (config.get("snapshot_meta_column_names") or {}).items() if there}
    return Configured(
        str(node["database"]), str(node["schema"]), str(node.get("alias") or node["name"]), names,
        None if end is None else str(end), tuple(map(str, key if isinstance(key, list) else [key])), _said(config),
    )  # fmt: skip


def _said(config: Mapping[str, Any]) -> str:
    deletes = config.get("hard_deletes") or ("invalidate" if config.get("invalidate_hard_deletes") else "ignore")
    strategy = config.get("strategy")
    on = config.get("updated_at") if strategy == "timestamp" else config.get("check_cols")
    key = config.get("unique_key")
    return f"{strategy} strategy on {_listed(on)}, key {_listed(key)}, hard_deletes {deletes}"


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
