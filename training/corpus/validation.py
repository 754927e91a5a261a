"""``python -m training validate``: all checks of a corpus, as tables, problems and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.checks import (
    Row,
    check_duplicates,
    check_held_out,
    check_ids,
    check_languages,
    check_lengths,
    check_other,
    check_pairs,
    check_relations,
    check_variety,
    held_out_texts,
    read_rows,
    rows_by_language,
)
from training.corpus.messages import CORPUS, SPLITS, read_disputed
from training.corpus.problems import Problem
from training.corpus.statistics import (
    LABEL_SHARES,
    LENGTH_OUTPUTS,
    LENGTH_SHARES,
    Numbers,
    balance,
    by_language,
    kappa,
    second_labelled,
    sizes,
)
from training.corpus.targets import Targets, check_balance, check_kappa, check_labels, check_sizes
from training.formatting import OUTPUT_NAMES

HELD_OUT: Final = CORPUS.parent.parent / "shared" / "real-dev"
"""Real messages that the model is measured with, on machines that have them."""

_MOST_LINES: Final = 20

_COUNT: Final = "{:,}"
_SHARE: Final = "{:.1%}"
_RATIO: Final = "{:.3f}"
_TABLES: Final[Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]]] = {
    "size": (
        "Size",
        {
            "messages": ("messages", _COUNT),
            **{split: (split, _COUNT) for split in SPLITS},
            **{f"{split}_share": (f"share of {split}", _SHARE) for split in SPLITS},
            **{name: (name, _COUNT) for name in ("pairs", "groups", "situations", "domains", "styles")},
        },
    ),
    "balance": (
        "Balance (labels: of the tickets)",
        {
            "tickets": ("tickets", _COUNT),
            **{name: (heading, _SHARE) for name, heading in LABEL_SHARES.items()},
            "public": ("public, of all", _SHARE),
            **{name: (heading, _SHARE) for name, heading in LENGTH_SHARES.items()},
        },
    ),
    "duplicates": (
        "Duplicates",
        {
            "exact": ("exact", _COUNT),
            "near": ("near", _COUNT),
            "share": ("share of messages", _SHARE),
            "across_splits": ("across splits", _COUNT),
        },
    ),
    "variety": (
        "Variety",
        {
            "distinct_4_grams": ("distinct 4-grams", _RATIO),
            "beginning_share": ("commonest beginning", "{:.2%}"),
        },
    ),
    "length_auc": (
        "AUC of the number of words",
        {output: (OUTPUT_NAMES[output], _RATIO) for output in LENGTH_OUTPUTS},
    ),
    "second_labels": (
        "Second annotator (Cohen's kappa)",
        {
            "messages": ("messages", _COUNT),
            **{output: (name, _RATIO) for output, name in OUTPUT_NAMES.items()},
        },
    ),
    "language": (
        "Language",
        {
            "contradictions": ("script contradicts", _COUNT),
            "asked": ("longer messages", _COUNT),
            "agreement": ("library agrees", _SHARE),
        },
    ),
    "held_out": ("Held-out texts", {"found": ("found in the corpus", _COUNT)}),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks found.

    Attributes:
        numbers: Numbers of each topic.
        problems: Errors, then warnings.
    """

    numbers: Mapping[str, Numbers]
    problems: list[Problem]

    @property
    def failed(self) -> bool:
        """Whether there are errors."""
        return any(problem.severity == "error" for problem in self.problems)

    def to_json(self) -> str:
        """Return the report as JSON."""
        data = {"numbers": self.numbers, "problems": [asdict(problem) for problem in self.problems]}
        return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def check_corpus(folder: Path, targets: Targets | None = None, held_out: Path | None = None) -> Report:
    """Check a corpus.

    Args:
        folder: The corpus.
        targets: The size and balance it must have; None for any.
        held_out: Folder of ``.jsonl`` files whose texts must not be in the corpus.

    Raises:
        CorpusError: The corpus or the held-out texts cannot be read; every wrong row is named.
    """
    rows = read_rows(folder)
    foreign_texts = held_out_texts(held_out) if held_out is not None else None
    languages = {language: [row.message for row in own] for language, own in rows_by_language(rows).items()}
    labelled = {language: own for language, own in languages.items() if language in LANGUAGES}
    twice = by_language([*(row.message for row in rows), *read_disputed(folder)])
    splits = {split: [row.message for row in rows if row.split == split] for split in SPLITS}
    duplicates, duplicate_problems = check_duplicates(rows)
    variety, variety_problems = check_variety(languages)
    lengths, length_problems = check_lengths(labelled)
    language_numbers, language_problems = check_languages(rows)
    numbers: dict[str, Numbers] = {
        "size": {language: _sizes(own) for language, own in rows_by_language(rows).items()},
        "balance": {language: balance(own) for language, own in labelled.items()},
        "duplicates": duplicates,
        "variety": variety,
        "length_auc": lengths,
        "second_labels": {
            language: {
                "messages": sum(map(second_labelled, twice[language])),
                **{output: kappa(twice[language], output) for output in OUTPUTS},
            }
            for language in labelled
        },
        "language": language_numbers,
    }
    problems = [
        *check_ids(rows),
        *check_relations(rows),
        *check_pairs(rows),
        *check_other(rows),
        *duplicate_problems,
        *variety_problems,
        *length_problems,
        *language_problems,
    ]
    if foreign_texts is not None:
        numbers["held_out"], held_out_problems = check_held_out(rows, foreign_texts)
        problems += held_out_problems
    if targets is not None:
        problems += check_sizes(numbers["size"], targets)
        problems += check_balance(numbers["balance"], targets)
        problems += check_labels(splits, targets)
        problems += check_kappa(numbers["second_labels"], targets)
    return Report(numbers, sorted(problems, key=lambda problem: problem.severity))


def print_report(report: Report, console: Console) -> None:
    """Print one table per topic, then the problems.

    Of many problems of one check the first are printed; the JSON report has them all.
    """
    for topic, (title, rows) in _TABLES.items():
        if topic in report.numbers:
            console.print(_table(title, rows, report.numbers[topic]))
    printed: Counter[tuple[str, str]] = Counter()
    for problem in report.problems:
        kind = (problem.severity, problem.check)
        printed[kind] += 1
        if printed[kind] <= _MOST_LINES:
            _print_problem(console, problem.severity, problem.text)
    for (severity, check), count in printed.items():
        if count > _MOST_LINES:
            text = f"… and {count - _MOST_LINES} more about {check}; --json FILE lists all"
            _print_problem(console, severity, text)
    if not report.problems:
        console.print("no problems")


def _sizes(rows: list[Row]) -> dict[str, Any]:
    return sizes({split: [row.message for row in rows if row.split == split] for split in SPLITS})


def _table(title: str, rows: Mapping[str, tuple[str, str]], numbers: Numbers) -> Table:
    languages = [language for language in LANGUAGE_CLASSES if language in numbers]
    table = Table("", title=title, title_justify="left")
    for language in languages:
        table.add_column(language, justify="right")
    for name, (heading, form) in rows.items():
        values = [numbers[language][name] for language in languages]
        table.add_row(heading, *("–" if value is None else form.format(value) for value in values))
    return table


def _print_problem(console: Console, severity: str, text: str) -> None:
    style = "red" if severity == "error" else "yellow"
    console.print(f"{severity}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)
