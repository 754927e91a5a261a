"""Fits the calibration on the validation split, and sets what languages to expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression

from escalate.bundle import LANGUAGE_CLASSES
from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS, Output
from training.corpus.labels import MINIMUM_PER_CLASS, enough_per_class
from training.errors import ExportError
from training.network.early_exit import Network, members

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]
Rows = npt.NDArray[np.bool_]

_UNPENALISED: Final = 1e6

OWN: Final = "own"
MIXED: Final = "own and corpus"
"""What an output of a language is calibrated on: own messages alone, or filled up with the corpus'."""


@dataclass(frozen=True)
class FittedCalibration:
    """A calibration, and the messages that it was fitted on.

    Attributes:
        calibration: Slopes and intercepts.
        fitted_on: By language and output OWN or MIXED.
    """

    calibration: Calibration
    fitted_on: Mapping[str, Mapping[Output, str]]


@dataclass(frozen=True)
class _Fit:
    parameters: tuple[float, float]
    fitted_on: str


def fit_calibration(
    logits: Array, labels: Labels, languages: list[str], preferred: Rows | None = None
) -> FittedCalibration:
    """Fit Platt scaling for every output, for all languages together and for each with enough data.

    Args:
        logits: Shape (messages, 3).
        labels: 0, 1 or NaN for unknown, same shape.
        languages: Language class of each message.
        preferred: Messages that count alone where they are enough, shape (messages,); None for all.

    Raises:
        ExportError: An output has fewer than MINIMUM_PER_CLASS positive or negative messages, or its
            answers say nothing about its labels.
    """
    classes = np.array(languages)
    judged = np.isin(classes, LANGUAGES)
    own = np.ones(len(classes), dtype=bool) if preferred is None else preferred
    common: dict[Output, _Fit] = {}
    fits: dict[str, dict[Output, _Fit]] = {language: {} for language in LANGUAGES}
    for i, output in enumerate(OUTPUTS):
        whole = _fit(logits[:, i], labels[:, i], judged, own)
        if whole is None:
            raise ExportError(
                f"{output}: the validation split has fewer than {MINIMUM_PER_CLASS} positive or "
                "negative messages, or the network's answers say nothing about them: add labelled messages, "
                "or check the labels"
            )
        common[output] = whole
        for language in LANGUAGES:
            fitted = _fit(logits[:, i], labels[:, i], judged & (classes == language), own)
            fits[language][output] = fitted or whole
    parameters = {
        name: {output: fit.parameters for output, fit in by_output.items()}
        for name, by_output in {"default": common, **fits}.items()
    }
    fitted_on = {
        language: {output: fit.fitted_on for output, fit in by_output.items()}
        for language, by_output in fits.items()
    }
    return FittedCalibration(Calibration(parameters), fitted_on)


def expect_other(model: Network, learned: Sequence[str], share: float) -> None:
    """Make a network expect fewer messages in other languages than it learned from.

    Short messages of near languages cannot be told apart by their words ("ano" is Czech, and Slovak
    without its accent). Taken for another language, a customer of the four gets no answer of the bot; so
    the odds are those of a service with few of them, not those of the corpus.

    Args:
        model: The network, changed in place.
        learned: Language class of each message it learned; where all or none are ``other`` nothing changes.
        share: Share of messages in other languages to go by (above 0, below 1).

    Source: M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to new a
    priori probabilities", 2002.
    """
    others = sum(language not in LANGUAGES for language in learned)
    if not 0 < others < len(learned):
        return
    shift = np.log(share / (1 - share)) - np.log(others / (len(learned) - others))
    with torch.no_grad():
        for member in members(model):
            member.language.bias[LANGUAGE_CLASSES.index("other")] += float(shift)


def rows_to_fit(labels: Labels, rows: Rows, preferred: Rows) -> Rows:
    """Return which of ``rows`` one output is fitted on: the preferred ones alone where they are enough.

    Args:
        labels: Of the output, 0, 1 or NaN for unknown, shape (messages,).
        rows: Messages to choose from, same shape.
        preferred: Messages that are to count alone, same shape.
    """
    known: Rows = rows & ~np.isnan(labels)
    chosen: Rows = known & preferred
    return chosen if enough_per_class(labels[chosen]) else known


def _fit(logits: Array, labels: Labels, rows: Rows, preferred: Rows) -> _Fit | None:
    """Fit the preferred rows where they are enough and the answers say something about them, else all."""
    known = rows & ~np.isnan(labels)
    for chosen in (rows_to_fit(labels, rows, preferred), known):
        if parameters := _platt(logits[chosen], labels[chosen]):
            return _Fit(parameters, OWN if preferred[chosen].all() else MIXED)
    return None


def _platt(logits: Array, labels: Labels) -> tuple[float, float] | None:
    """Fit slope and intercept to Platt's targets.

    They lie a little inside 0 and 1, so that a few messages that separate perfectly give no step function.
    """
    if not enough_per_class(labels):
        return None
    yes, no = int((labels == 1).sum()), int((labels == 0).sum())
    target = np.where(labels == 1, (yes + 1) / (yes + 2), 1 / (no + 2))
    regression = LogisticRegression(C=_UNPENALISED).fit(
        np.tile(logits, 2)[:, None],
        np.repeat([1, 0], len(logits)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(regression.coef_[0, 0])
    # A slope below zero would turn the ranking round: the data then say nothing about this output.
    return (slope, float(regression.intercept_[0])) if slope > 0 else None
