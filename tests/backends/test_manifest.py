"""Which files are the tables of a directory: what is not a build's is left alone, and what is lost is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import ibis
import pytest

from lc_ibis.backends.spark.manifest import NAME, Manifest, Stored
from lc_ibis.errors import DatabaseError

SCHEMA = ibis.schema({"id": "int64"})
PART = "marts/profile/" + "0123456789abcdef" * 2


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """One table of one part."""
    manifest = Manifest(tmp_path / "db")
    part = manifest.new_part("marts", "profile")
    part.mkdir(parents=True)
    manifest.replace({("marts", "profile"): Stored(SCHEMA, (part,))})
    return manifest


def test_parts_that_nothing_names_are_removed(manifest: Manifest) -> None:
    for layer in ("marts", "scratch"):
        manifest.new_part(layer, "profile").mkdir(parents=True)
    manifest.sweep()
    assert len(list(manifest.root.glob("*/*/*"))) == 1
    [(_, table)] = manifest.read().items()
    assert table.parts[0].is_dir()


def test_what_no_build_made_stays(manifest: Manifest, tmp_path: Path) -> None:
    far = tmp_path / "far"
    strangers = [
        manifest.root / "projects/2026/january", manifest.root / "a/b/.git", far / "x/y/z", far / PART, far / "p" / PART[-32:]
    ]  # fmt: skip
    for stranger in strangers:
        stranger.mkdir(parents=True)
    (manifest.root / "link").symlink_to(far, target_is_directory=True)
    (manifest.root / "marts/link").symlink_to(far / "p", target_is_directory=True)
    (manifest.root / "marts/profile" / ("f" * 32)).symlink_to(far, target_is_directory=True)
    manifest.sweep()
    assert all(stranger.is_dir() for stranger in strangers)


def test_a_manifest_that_is_lost_is_no_new_database(manifest: Manifest) -> None:
    manifest.path.unlink()
    with pytest.raises(DatabaseError, match=r"tables\.json: the file is missing, and the tables cannot be read"):
        manifest.begin()
    assert len(list(manifest.root.glob("*/*/*"))) == 1


def test_a_first_build_that_was_killed_left_an_empty_manifest(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.begin()
    manifest.new_part("marts", "profile").mkdir(parents=True)
    manifest.begin()
    manifest.sweep()
    assert manifest.read() == {}
    assert list(tmp_path.glob("*/*/*")) == []


def test_a_part_that_is_lost_is_named(manifest: Manifest) -> None:
    [(_, table)] = manifest.read().items()
    table.parts[0].rmdir()
    with pytest.raises(DatabaseError, match=r"marts/profile/\w+: the file is missing, but tables\.json lists it"):
        manifest.read()


@pytest.mark.parametrize(
    "content",
    [
        "", "{}", "[]", "null", "7", "not json", "\udcff", "[" * 100_000, '{"tables": {}}', '{"tables": [], "before": []}',
        '{"tables": {"profile": {"columns": {}, "parts": []}}, "before": []}',
        '{"tables": {"marts.profile": {"columns": {"id": "no type"}, "parts": []}}, "before": []}',
        '{"tables": {"marts.profile": {"columns": 7, "parts": []}}, "before": []}',
        json.dumps({"tables": {}, "before": ["../../../etc"]}),
        json.dumps({"tables": {"marts.profile": {"columns": {"id": "int64"}, "parts": ["../" + PART]}}, "before": []}),
    ],
    ids=lambda content: content[:40],
)  # fmt: skip
def test_a_manifest_of_another_shape_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DatabaseError, match=r"tables\.json: cannot read it \(.*\)\. Restore it from a backup"):
        Manifest(tmp_path).read()
