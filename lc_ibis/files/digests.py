"""Checksums of files, and of directories of output files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20


def sha256_of(file: Path | BinaryIO) -> str:
    """Return the sha256 of a file's bytes, or of what is left of an open one, in hexadecimal digits."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return sha256_of(opened)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def digest_of(place: Path) -> str:
    """Return the sha256 of a file; of a directory, that of a line for each of its files: its name, its sha256."""
    if place.is_file():
        return sha256_of(place)
    files = sorted((file.relative_to(place).as_posix(), file) for file in place.rglob("*") if file.is_file())
    return hashlib.sha256("".join(f"{name} {sha256_of(file)}\n" for name, file in files).encode()).hexdigest()


def is_whole(place: Path) -> bool:
    """Say whether a file is there, or a directory of parts and nothing else."""
    return all(map(_is_part, place.iterdir())) if place.is_dir() else place.is_file()


def _is_part(path: Path) -> bool:
    return path.is_file() and re.fullmatch(r"part-\d+\.parquet", path.name) is not None
