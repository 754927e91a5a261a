"""The loss: labels, a teacher's answers where there is one, and one answer for two views of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from training.fitting.examples import FloatArray
from training.network.model import Logits

LANGUAGE_WEIGHT: Final = 0.3
"""Weight of the language loss beside each yes/no output."""


@dataclass(frozen=True)
class LossWeights:
    """How the parts of the loss count.

    Attributes:
        positive: Weight of positive examples of each output, shape (3,).
        labels: Weight of the labels where a teacher speaks too (0..1).
        embedding: Weight of the distance to the teacher's embedding.
        consistency: Weight of the difference between the answers to the two views of an example.
    """

    positive: tuple[float, ...]
    labels: float = 1.0
    embedding: float = 0.0
    consistency: float = 0.0


def loss_of(logits: Logits, batch: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Return the loss of a batch; unknown labels and languages do not count.

    With teacher targets in the batch, labels count ``weights.labels`` and the teacher the rest. Where
    the batch holds two views of every example (the second ones after all first ones) both learn the
    labels, and the difference of their answers counts ``weights.consistency``.
    """
    views = len(logits.outputs) // len(batch["labels"])
    loss = _label_loss(logits, batch["labels"].repeat(views, 1), batch["languages"].repeat(views), weights)
    if views > 1:
        loss = loss + weights.consistency * _view_difference(logits)
    if "target_outputs" not in batch:
        return loss
    distance = 1 - (logits.embedding * batch["target_embedding"]).sum(-1).mean()
    teacher_loss = _teacher_loss(logits, batch)
    return weights.labels * loss + (1 - weights.labels) * teacher_loss + weights.embedding * distance


def _label_loss(logits: Logits, labels: Tensor, languages: Tensor, weights: LossWeights) -> Tensor:
    known = ~torch.isnan(labels)
    per_label = functional.binary_cross_entropy_with_logits(
        logits.outputs,
        torch.nan_to_num(labels),
        pos_weight=torch.tensor(weights.positive, device=labels.device),
        reduction="none",
    )
    label_loss = (per_label * known).sum() / known.sum().clamp(min=1)
    language_loss = functional.cross_entropy(logits.language, languages, ignore_index=-1, reduction="sum")
    return label_loss + LANGUAGE_WEIGHT * language_loss / (languages >= 0).sum().clamp(min=1)


def _view_difference(logits: Logits) -> Tensor:
    """Return the symmetric Kullback-Leibler divergence of the answers to two views.

    Source: X. Liang et al., "R-Drop: Regularized Dropout for Neural Networks", 2021.
    """
    first, second = logits.outputs.chunk(2)
    yes_no = (first.sigmoid() - second.sigmoid()) * (first - second)
    one, other = (part.log_softmax(-1) for part in logits.language.chunk(2))
    language = ((one.exp() - other.exp()) * (one - other)).sum(-1)
    return (yes_no.mean() + LANGUAGE_WEIGHT * language.mean()) / 2


def _teacher_loss(logits: Logits, batch: dict[str, Tensor]) -> Tensor:
    # Where the teacher knows the language it judges the text; elsewhere its outputs mean nothing.
    judged = (batch["languages"] != LANGUAGE_CLASSES.index("other"))[:, None].float()
    per_output = functional.binary_cross_entropy_with_logits(
        logits.outputs, batch["target_outputs"], reduction="none"
    )
    loss = (per_output * judged).sum() / (judged.sum() * len(OUTPUTS)).clamp(min=1)
    return loss + LANGUAGE_WEIGHT * functional.cross_entropy(logits.language, batch["target_language"])


def positive_weights(labels: FloatArray) -> tuple[float, ...]:
    """Return the weight of positive examples of each output: the square root of negatives by positives.

    The root lifts rare outputs without drowning the common answer; calibration corrects the rest.
    """
    weights = []
    for column in labels.T:
        positive, negative = float(np.nansum(column)), float(np.nansum(1 - column))
        weights.append((negative / positive) ** 0.5 if positive and negative else 1.0)
    return tuple(weights)
