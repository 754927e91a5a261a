"""Tables of metrics as Markdown, for the model card, the report and the changelog."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tabulate import tabulate

from escalate.policy import OUTPUTS

LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    "he": "Hebrew",
    "ar": "Arabic",
    "cs": "Czech",
    "en": "English",
    "other": "other",
}
ALL_LANGUAGES: Final = "all languages"
"""The languages together, for a person."""

OUTPUT_NAMES: Final[Mapping[str, str]] = {
    "complexity": "complexity",
    "negative_sentiment": "negative sentiment",
    "human_requested": "human requested",
}

_MISSING: Final = "–"
# First strong isolate and its end: they keep right-to-left text from moving what stands beside it.
_ISOLATE: Final = "\u2068"
_END_ISOLATE: Final = "\u2069"


def markdown_table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
    """Return a Markdown table; numbers are shown as they were formatted."""
    shown = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    return tabulate(shown, headers, tablefmt="github", disable_numparse=True)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits, or a dash where there is none."""
    return _MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share (0..1) in percent, or a dash where there is none."""
    return _MISSING if value is None or math.isnan(value) else f"{value:.{digits}%}"


def isolated(text: str) -> str:
    """Return a message so that it is set in its own direction, whatever stands beside it."""
    return f"{_ISOLATE}{text}{_END_ISOLATE}"


def quality_table(languages: Mapping[str, Any]) -> str:
    """Return macro-F1 and, in brackets, the area under the ROC curve."""
    rows = [
        [LANGUAGE_NAMES[language], values["messages"], *_quality(values)]
        for language, values in languages.items()
    ]
    return markdown_table(rows, ["", "messages", *OUTPUT_NAMES.values()])


def seeds_table(seeds: Mapping[str, Mapping[str, Any]]) -> str:
    """Return macro-F1 and, in brackets, the area under the ROC curve of the teacher of each seed.

    Args:
        seeds: Metrics per language, by seed.
    """
    rows = [
        [LANGUAGE_NAMES[language], seed, *_quality(measured[language])]
        for language in next(iter(seeds.values()))
        for seed, measured in seeds.items()
    ]
    return markdown_table(rows, ["", "seed", *OUTPUT_NAMES.values()])


def _quality(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{number(_metric(values, output, 'macro_f1'))} ({number(_metric(values, output, 'auc'))})"
        for output in OUTPUTS
    ]


def pairs_table(languages: Mapping[str, Any]) -> str:
    """Return the contrast pairs that are right, and the calibration error of every output.

    In brackets what the error would rarely exceed by chance; older manifests do not hold it.
    """
    rows = [
        [
            LANGUAGE_NAMES[language],
            percent(values["pairs_both_right"]),
            *(_calibration(values, output) for output in OUTPUTS),
        ]
        for language, values in languages.items()
    ]
    return markdown_table(rows, ["", "pairs", *(f"calibration, {name}" for name in OUTPUT_NAMES.values())])


def _calibration(values: Mapping[str, Any], output: str) -> str:
    most = (values.get(output) or {}).get("calibration_most")
    error = number(_metric(values, output, "calibration_error"))
    return error if most is None else f"{error} ({number(most)})"


def baselines_table(languages: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """Return macro-F1 of a model beside that of the baselines.

    Args:
        languages: Metrics of the model, per language.
        baselines: The same of each baseline, by its name.
    """
    rows = [
        [name, LANGUAGE_NAMES[language], *(number(_metric(values, o, "macro_f1")) for o in OUTPUTS)]
        for name, measured in {"this model": languages, **baselines}.items()
        for language, values in measured.items()
    ]
    return markdown_table(rows, ["model", "", *OUTPUT_NAMES.values()])


def operation_table(operation: Mapping[str, Any]) -> str:
    """Return how the border works in service."""
    rows = [
        [
            LANGUAGE_NAMES[language],
            percent(values["must_reach_a_person"]),
            percent(values["left_to_bot"]),
            percent(values["recall_at_hand_offs"]),
        ]
        for language, values in operation.items()
    ]
    return markdown_table(
        rows, ["", "must reach a person", "left to the bot at 95 % recall", "recall at 20 % hand-offs"]
    )


def _metric(values: Mapping[str, Any], output: str, name: str) -> float | None:
    """Return one metric of an output; an output without both labels has none."""
    metrics = values.get(output)
    return None if metrics is None else metrics[name]
