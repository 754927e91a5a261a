"""Tables of messages for the tests of scoring."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from escalate import score_file

MESSAGES = (
    "מתי אתם פותחים ביום ראשון?",
    "אני רוצה לדבר עם נציג אנושי",
    "أين طلبي؟ لم يصل بعد",
    "أريد التحدث مع موظف الآن",
    "Kdy mi přijde balík?",
    "Chci mluvit s člověkem, tohle je hrozné",
    "Where is my parcel?",
    "Someone emptied my account, let me speak to a person",
)


def rows_of(count: int) -> list[dict[str, str]]:
    """Return rows with an id, a day and a message; messages repeat."""
    return [
        {"id": f"{i:05d}", "day": f"2024-{1 + i % 3:02d}-05", "text": MESSAGES[i % len(MESSAGES)]}
        for i in range(count)
    ]


def write_csv(path: Path, rows: Sequence[dict[str, str]], encoding: str = "utf-8", **layout: Any) -> Path:
    """Write rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **layout)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def read_any(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an output, by readers that are not the project's."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with path.open("rb") as file, pa.input_stream(file, compression=compression) as stream:
        data: bytes = stream.read()
    if name.endswith(".parquet"):
        rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(data)).to_pylist()
        return rows
    text = data.decode("utf-8")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.split("\n")[:-1]]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if ".tsv" in name else ","))


def score_without_waiting(*arguments: Any, **options: Any) -> None:
    """Call ``score_file`` in a process of its own, which, when killed, cannot tell what is on the disk."""
    os.fsync = lambda fd: None
    score_file(*arguments, **options)


def score_command(*arguments: object) -> list[str]:
    """Return the command line of ``escalate score``."""
    return [sys.executable, "-m", "escalate", "score", *map(str, arguments)]


def run_score(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``escalate score`` as a user does."""
    return subprocess.run(
        score_command(*arguments), capture_output=True, check=False, encoding="utf-8", timeout=300
    )
