"""Directories of broken extracts: which form they come in, and what stands in a file's place."""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from tests.torture.mutations import mutated, truncated

STEMS = ("Customer", "accounts")
DATA = Path(__file__).parents[2] / "data"
OPERATIONS = [
    "", "upsert", "delete", "UPSERT", " Delete ", "merge", "insert", "\0", "delete\0", "upsert;", "NULL", "ＤＥＬＥＴＥ",
    "delete\n", "\x1b[2J", "'", "x" * 100_000, "İ", "=1",
]  # fmt: skip


def fill(rng: Random, inputs: Path, is_delta: bool = False) -> str:
    """Fill a directory with extracts, at least one of which is likely to be broken; return what was done."""
    shutil.rmtree(inputs, ignore_errors=True)
    inputs.mkdir(parents=True)
    broken = rng.choice([(0,), (0,), (1,), (1,), (0, 1)])
    done = []
    for number, stem in enumerate(STEMS):
        raw = (DATA / rng.choice(["inputs", "inputs_day2"]) / f"{stem}.csv").read_bytes()
        if is_delta:
            raw = _with_operations(rng, raw, strange=number in broken)
        if number not in broken:
            (inputs / f"{stem}.csv").write_bytes(raw)
            continue
        form = rng.choices([plain, zipped, parquet, parts, place_taken], [10, 3, 3, 3, 1])[0]
        form(rng, inputs, stem, raw)
        done.append(f"{stem}: {form.__name__}")
    return ", ".join(done)


def _with_operations(rng: Random, raw: bytes, strange: bool) -> bytes:
    """Add the column _op to some rows of a file."""
    header, *rows = csv.reader(io.StringIO(raw.decode(), newline=""))
    known = ["", "upsert", "upsert", "delete"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*header, "_op"])
    for row in rng.sample(rows, rng.randint(0, 6)):
        writer.writerow([*row, rng.choice(OPERATIONS if strange and rng.random() < 0.4 else known)])
    return text.getvalue().encode()


def plain(rng: Random, inputs: Path, stem: str, raw: bytes) -> None:
    (inputs / f"{stem}.csv").write_bytes(mutated(rng, raw))


def zipped(rng: Random, inputs: Path, stem: str, raw: bytes) -> None:
    """An archive: of a broken file, cut off, damaged, or with something after it."""
    packed = gzip.compress(mutated(rng, raw) if rng.random() < 0.5 else raw)
    packed = rng.choice([
        packed, packed, truncated(rng, packed), mutated(rng, packed), packed + rng.randbytes(9), gzip.compress(packed),
        packed[:-8], packed + packed, packed + b"\0" * 512, packed[:-8] + bytes(8),
    ])  # fmt: skip
    (inputs / f"{stem}.csv.gz").write_bytes(packed)


def parts(rng: Random, inputs: Path, stem: str, raw: bytes) -> None:
    """A directory of files, some of them broken, some of other kinds."""
    header, *lines = raw.splitlines(keepends=True)
    place = inputs / stem
    place.mkdir()
    for number in range(rng.randint(1, 4)):
        piece = header + b"".join(rng.sample(lines, rng.randint(0, len(lines))))
        name = rng.choice(["{}.csv", "{} ;'\"[*?.csv", "\x1b[2J{}.csv", "é\u202e{}.csv", ".{}.csv", "{}"]).format(
            number
        )
        form = rng.choice([plain, plain, zipped, parquet])
        if rng.random() < 0.5:
            (place / name).write_bytes(piece)
        else:
            form(rng, place, f"part{number}", piece)


TYPES: list[Callable[[list[str]], pa.Array]] = [
    lambda texts: pa.array(texts), lambda texts: pa.array(texts, pa.large_string()),
    lambda texts: pa.array(texts).dictionary_encode(), lambda texts: pa.array([t.encode() for t in texts]),
    lambda texts: pa.array([float(len(t)) for t in texts]), lambda texts: pa.array([len(t) for t in texts], pa.int32()),
    lambda texts: pa.array([date(2026, 1, 1)] * len(texts)), lambda texts: pa.array([[t] for t in texts]),
    lambda texts: pa.array([{"a": t} for t in texts]), lambda texts: pa.nulls(len(texts)),
    lambda texts: pa.array([Decimal(len(t)) for t in texts], pa.decimal128(38, 10)),
    lambda texts: pa.array([Decimal(len(t)) for t in texts], pa.decimal256(60, 10)),
    lambda texts: pa.array([0] * len(texts), pa.timestamp("ns")), lambda texts: pa.array([True] * len(texts)),
    lambda texts: pa.array([b"\xff\xfe"] * len(texts), pa.binary()).view(pa.string()), lambda texts: pa.array(["a\0b"] * len(texts)),
    lambda texts: pa.array([0] * len(texts), pa.duration("s")), lambda texts: pa.array([0] * len(texts), pa.time32("s")),
    lambda texts: pa.array([2**64 - 1] * len(texts), pa.uint64()), lambda texts: pa.array([0.5] * len(texts), pa.float16()),
]  # fmt: skip


def parquet(rng: Random, inputs: Path, stem: str, raw: bytes) -> None:
    """Parquet of other types, columns and codecs, sometimes damaged."""
    csv.field_size_limit(2**31 - 1)
    header, *rows = csv.reader(io.StringIO(raw.decode("utf-8", "replace"), newline=""))
    rows = [row for row in rows if len(row) == len(header)][: rng.choice([0, 1, 9, 99])]
    columns = [(name, [row[place] for row in rows]) for place, name in enumerate(header)]
    change = rng.randrange(6)
    if change == 0:
        rng.shuffle(columns)
    elif change == 1:
        del columns[rng.randrange(len(columns))]
    elif change == 2:
        columns.append((rng.choice([columns[0][0], "", 'x"; --', "x\0y", "x\x1b"]), columns[0][1]))
    strange = rng.random() < 0.5
    arrays = [(rng.choice(TYPES) if strange and rng.random() < 0.5 else TYPES[0])(texts) for _, texts in columns]
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, names=[name for name, _ in columns])
    pq.write_table(table, sink, compression=rng.choice(["none", "snappy", "gzip", "zstd"]))
    packed = sink.getvalue().to_pybytes()
    (inputs / f"{stem}.parquet").write_bytes(mutated(rng, packed) if rng.random() < 0.5 else packed)


def place_taken(rng: Random, inputs: Path, stem: str, raw: bytes) -> None:
    """Something that is no file, or more than one, where the file belongs."""
    place = inputs / f"{stem}{rng.choice(['.csv', '.csv', '.csv.gz', '.parquet', ''])}"
    change = rng.randrange(11)
    if change == 0:
        os.mkfifo(place)
    elif change == 1:
        place.symlink_to(place)
    elif change == 2:
        place.symlink_to(inputs / "nowhere")
    elif change == 3:
        place.symlink_to(rng.choice(["/dev/null", "/dev/zero", "/dev/random", "/proc/self/mem", "/"]))
    elif change == 4:
        place.mkdir()
    elif change == 5:
        (place / "deeper" / "still").mkdir(parents=True)
        (place / "deeper" / f"{stem}.csv").write_bytes(raw)
    elif change == 6:
        place.symlink_to(inputs, target_is_directory=True)
    elif change == 7:
        with closing(socket.socket(socket.AF_UNIX)) as bound:
            bound.bind(os.path.relpath(place))
    elif change == 8:
        place.mkdir()
        os.mkfifo(place / "a.csv")
    elif change == 9:
        place.mkdir()
        (place / "b.csv").symlink_to("b.csv")
        (place / os.fsdecode(b"\xff.csv")).write_bytes(raw)
    else:
        for ending in (".csv", ".csv.gz"):
            (inputs / f"{stem}{ending}").write_bytes(raw)
