"""The figures of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import LANGUAGES, OUTPUTS
from training.drawing import GREY, STYLES, legend_below, line_of, new_figure, percent_axes
from training.evaluation.answers import Answers
from training.evaluation.calibration import calibration_bins, calibration_error
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES

Array = npt.NDArray[Any]

_FEWEST_IN_BIN: Final = 5


def precision_recall(answers: Answers, output: str) -> Figure:
    """Draw precision against recall of an output, a line for each language."""
    figure, axes = new_figure(f"Precision and recall: {OUTPUT_NAMES[output]}")
    for language, probabilities, labels in _by_language(answers, output):
        precision, recall, _ = precision_recall_curve(labels, probabilities)
        area = average_precision_score(labels, probabilities)
        name = f"{LANGUAGE_NAMES[language]} (average precision {area:.2f})"
        axes.plot(recall, precision, label=name, **line_of(language))
    percent_axes(axes, "recall", "precision")
    legend_below(figure, axes)
    return figure


def reliability(answers: Answers, output: str) -> Figure:
    """Draw how often an output is 1 against its probability, a line for each language."""
    figure, axes = new_figure(f"Reliability: {OUTPUT_NAMES[output]}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfect")
    for language, probabilities, labels in _by_language(answers, output):
        bins = [rows for rows in calibration_bins(probabilities) if len(rows) >= _FEWEST_IN_BIN]
        name = f"{LANGUAGE_NAMES[language]} (error {calibration_error(probabilities, labels):.3f})"
        axes.plot(
            [probabilities[rows].mean() for rows in bins],
            [labels[rows].mean() for rows in bins],
            label=name,
            **{**line_of(language), "marker": STYLES[language]["marker"]},
        )
    percent_axes(axes, "probability", f"share that is 1 (bins of {_FEWEST_IN_BIN} messages or more)")
    legend_below(figure, axes)
    return figure


def language_confusion(answers: Answers) -> Figure:
    """Draw which language the messages of each language are taken for."""
    counts = confusion_matrix(
        [message.language for message in answers.messages],
        [prediction.language for prediction in answers.predictions],
        labels=LANGUAGE_CLASSES,
    )
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = new_figure("Language of the message")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = shares[row, column] > 0.5
            axes.text(
                column,
                row,
                f"{shares[row, column]:.1%}\n({count})",
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    names = [LANGUAGE_NAMES[language] for language in LANGUAGE_CLASSES]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answered")
    axes.set_ylabel("in truth")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def hand_offs(
    curves: Mapping[str, Sequence[Mapping[str, float]]],
    points: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> Figure:
    """Draw the recall of messages that must reach a person against the share handed over.

    Args:
        curves: What ``training.evaluation.answers.hand_off_curve`` returns.
        points: What ``training.evaluation.answers.policy_points`` returns.
    """
    figure, axes = new_figure("Messages handed over and messages that needed it")
    for language, curve in curves.items():
        x, y = ([point[name] for point in curve] for name in ("hand_offs", "recall"))
        axes.plot(x, y, label=LANGUAGE_NAMES[language], **line_of(language))
        for action, filled in (("escalate", True), ("offer", False)):
            point, style = points[language][action], STYLES[language]
            axes.plot(
                point["hand_offs"],
                point["recall"],
                marker=style["marker"],
                color=style["color"],
                markerfacecolor=style["color"] if filled else "white",
                markersize=8,
                linestyle="none",
            )
    percent_axes(axes, "handed to a person, of all messages", "recall of those that must reach one")
    legend_below(figure, axes, "Marks: the default policy; ● escalates, ○ escalates or offers")
    return figure


def draw(answers: Answers, curves: Mapping[str, Any], points: Mapping[str, Any]) -> dict[str, Figure]:
    """Return all figures of the report by file name.

    Args:
        answers: Answers about the test split.
        curves: What ``training.evaluation.answers.hand_off_curve`` returns.
        points: What ``training.evaluation.answers.policy_points`` returns.
    """
    return {
        **{f"precision_recall_{output}.png": precision_recall(answers, output) for output in OUTPUTS},
        **{f"reliability_{output}.png": reliability(answers, output) for output in OUTPUTS},
        "language_confusion.png": language_confusion(answers),
        "hand_offs.png": hand_offs(curves, points),
    }


def _by_language(answers: Answers, output: str) -> Iterator[tuple[str, Array, Array]]:
    """Yield language, probabilities and labels of each language in which both labels occur."""
    column = OUTPUTS.index(output)
    languages = np.array([message.language for message in answers.messages])
    for language in LANGUAGES:
        rows = np.flatnonzero((languages == language) & ~np.isnan(answers.labels[:, column]))
        labels = answers.labels[rows, column]
        if len(set(labels.tolist())) == 2:
            yield language, answers.probabilities[rows, column], labels
