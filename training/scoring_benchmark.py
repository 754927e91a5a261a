"""Times ``escalate score`` beside bare ``predict_many``, and measures its memory, in one run, on Linux."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from escalate import Classifier, score_file
from escalate.text import normalise
from training.corpus.messages import CORPUS, read_split

WORKERS: Final = (1, 2)
MEMORY_ROWS: Final = (10_000, 500_000)
_MESSAGES: Final = 3_000
_ROUNDS: Final = 3
_DISTINCT: Final = 25_000
_REPEATED: Final = 10_000

_SCORE: Final = """
import sys
from escalate import score_file
score_file(sys.argv[1], sys.argv[2], text_column="text", model=sys.argv[3], workers=2)
# The highest resident size of this process alone; getrusage also counts the one that started it.
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
"""


def run_scoring_benchmark(folder: Path, corpus: Path = CORPUS) -> dict[str, Any]:
    """Measure the scoring of files with a bundle.

    Args:
        folder: The bundle.
        corpus: Where the messages come from; no two of them are equal once normalised.

    Returns:
        ``throughput``: per number of workers the median rows a second of bare ``predict_many`` and of
        ``score_file`` from CSV to CSV, loading the model and reading the file twice included, and the
        median of their ratio; ``memory``: per number of rows the peak of resident memory in MB.
    """
    messages = {normalise(message.text): message.text for message in read_split(corpus, "train")}
    texts = list(messages.values())[:: max(1, len(messages) // _MESSAGES)][:_MESSAGES]
    with tempfile.TemporaryDirectory(prefix="escalate-scoring-") as name:
        scratch = Path(name)
        return {
            "throughput": {workers: _throughput(folder, texts, workers, scratch) for workers in WORKERS},
            "memory": {rows: _memory(folder, rows, scratch) for rows in MEMORY_ROWS},
        }


def print_scoring_benchmark(results: dict[str, Any], console: Console) -> None:
    """Print the results with the ratios that matter."""
    table = Table(title="Rows a second, all texts different", title_justify="left")
    for name in ("workers", "predict_many", "escalate score", "score / predict_many"):
        table.add_column(name, justify="right")
    for workers, values in results["throughput"].items():
        bare, scored, ratio = values["bare"], values["scored"], values["ratio"]
        table.add_row(str(workers), f"{bare:.0f}", f"{scored:.0f}", f"{ratio:.0%}")
    console.print(table)
    (few, less), (many, more) = results["memory"].items()
    console.print(
        f"peak memory of escalate score: {less:.0f} MB for {few:,} rows, {more:.0f} MB for {many:,} "
        f"({more / less:.2f}×)"
    )


def _throughput(folder: Path, texts: Sequence[str], workers: int, scratch: Path) -> dict[str, float]:
    """Time both ways in turn, so that a busy machine slows both."""
    source, output = scratch / "messages.csv", scratch / "scored.csv"
    _write(source, texts)
    classifier = Classifier.load(folder)
    bare, scored = [], []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for _ in classifier.predict_many(texts, workers=workers):
            pass
        middle = time.perf_counter()
        score_file(source, output, text_column="text", model=folder, workers=workers, overwrite=True)
        bare.append(len(texts) / (middle - start))
        scored.append(len(texts) / (time.perf_counter() - middle))
    return {
        "bare": median(bare),
        "scored": median(scored),
        "ratio": median(s / b for s, b in zip(scored, bare, strict=True)),
    }


def _memory(folder: Path, rows: int, scratch: Path) -> float:
    """Score more different texts than are remembered, then the last of them again and again."""
    source, output = scratch / f"{rows}.csv", scratch / f"{rows}.scored.csv"
    distinct = min(rows, _DISTINCT)
    again = (distinct - _REPEATED + row % _REPEATED for row in range(distinct, rows))
    _write(source, (f"parcel {n // 1000} {n % 1000}" for part in (range(distinct), again) for n in part))
    command = [sys.executable, "-c", _SCORE, str(source), str(output), str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _write(path: Path, texts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
