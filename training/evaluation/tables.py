"""Tables of metrics as Markdown, for the model card, the report and the changelog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalate.policy import OUTPUTS
from training.formatting import (
    LANGUAGE_NAMES,
    OUTPUT_NAMES,
    markdown_table,
    number,
    percent,
)


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
