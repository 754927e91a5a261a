"""A comparison on own messages as text, as a table for a terminal, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from training.evaluation.resampling import Estimate
from training.evaluation.tables import operation_table, pairs_table, quality_table
from training.files import without_nan
from training.formatting import OUTPUT_NAMES, markdown_table, number
from training.report_files import write_report_files
from training.retraining.comparing import NEW, OLD, Result
from training.retraining.findings import Finding

_HEADERS: Final = ("", "", "messages", "yes", "old", "new", "difference (95 %)", "")
_KINDS: Final = {
    "better": "better",
    "worse": "worse",
    "same": "no difference",
    "unclear": "cannot be told",
    "few": "too few",
}
_SHORT: Final = {**_KINDS, "same": "same", "unclear": "unclear"}
_STYLES: Final = {"better": "green", "worse": "bold red"}


def comparison_text(result: Result) -> str:
    """Return a comparison as Markdown."""
    new, other = result.versions
    parts = [
        f"# Model {new} beside {other} on own messages",
        f"{len(result.test.messages):,} messages: {result.test.name}.",
        *result.test.notes,
        "## Verdict",
        "\n".join(f"- {sentence}" for sentence in result.sentences),
        "## In macro-F1 at probability 0.5",
        markdown_table(_rows(result.findings), _HEADERS),
        "The intervals are those of a paired bootstrap over groups of messages, 95 %. *Better* and *worse* "
        "hold the rate of false discoveries over the whole table at 5 %.",
        "## Beside simple models",
        f"How far {new} is above them, counted as in the table above.",
        *(f"### {name}\n\n{markdown_table(_rows(found), _HEADERS)}" for name, found in result.simple.items()),
        "## Every model",
        "Macro-F1, and in brackets the area under the ROC curve, which no threshold moves.",
        *(f"### {name}\n\n{quality_table(values)}" for name, values in result.metrics.items()),
        "## Calibration",
        "Pairs are contrast pairs that are right; the others are expected calibration errors, in brackets "
        "what right probabilities exceed in one of twenty test splits of this size.",
        *(f"### {name}\n\n{pairs_table(result.metrics[name])}" for name in (NEW, OLD)),
    ]
    if any(result.operations.values()):
        parts += ["## The border in service", "Over messages of which all three labels are known."]
        parts += [f"### {name}\n\n{operation_table(v)}" for name, v in result.operations.items()]
    return "\n\n".join(parts) + "\n"


def comparison_table(result: Result) -> Table:
    """Return the findings as a table for a terminal of 80 columns; differences are in points."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, collapse_padding=True)
    for i, heading in enumerate(("", "", "yes/all", "old", "new", "points (95 %)", "")):
        table.add_column(heading, justify="right" if 2 <= i < 6 else "left", no_wrap=True)
    for f in result.findings:
        change = f.change
        points = "–" if change is None else f"{100 * change.value:+.1f} ({_interval(change, 100, 1)})"
        cells = (f"{f.positive}/{f.messages}", number(f.theirs), number(f.ours), points, _SHORT[f.kind])
        table.add_row(f.language, OUTPUT_NAMES[f.output], *cells, style=_STYLES.get(f.kind, ""))
    return table


def _interval(change: Estimate, scale: int, digits: int) -> str:
    return f"{scale * change.low:+.{digits}f} … {scale * change.high:+.{digits}f}"


def _rows(findings: Sequence[Finding]) -> list[list[str]]:
    rows = []
    for f in findings:
        change = f.change
        interval = "–" if change is None else f"{change.value:+.3f} ({_interval(change, 1, 3)})"
        values = [f"{f.messages:,}", f"{f.positive:,}", number(f.theirs), number(f.ours), interval]
        rows.append([f.place, OUTPUT_NAMES[f.output], *values, _KINDS[f.kind]])
    return rows


def write_comparison(result: Result, folder: Path) -> Path:
    """Write a comparison as text and as numbers; each file appears only when whole.

    Returns:
        The file of the text.

    Raises:
        FileError: A file cannot be written.
    """
    numbers = {
        "new": result.versions[0],
        "old": result.versions[1],
        "messages": len(result.test.messages),
        "notes": list(result.test.notes),
        "verdict": list(result.sentences),
        "findings": [asdict(finding) for finding in result.findings],
        "simple": {name: [asdict(f) for f in found] for name, found in result.simple.items()},
        "metrics": result.metrics,
        "operation": result.operations,
    }
    return write_report_files(folder, "COMPARISON", comparison_text(result), without_nan(numbers), {})
