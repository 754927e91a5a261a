"""Learning from own messages, with early stopping."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import torch

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.fitting.examples import Examples, examples_of
from training.fitting.fine_tuning import Watch, fine_tune, run, step_count
from training.fitting.losses import LossWeights, loss_of, positive_weights
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel

FEWEST_TO_WATCH: Final = 50
"""Early stopping goes by the own validation messages from so many labelled ones on."""

MOST_TO_WATCH: Final = 800
"""Of more validation messages a random part says as much in less time."""

_MEASUREMENTS: Final = 10
_MOST_STEPS_BETWEEN: Final = 200
_PATIENCE: Final = 4


@dataclass(frozen=True)
class Watched:
    """The messages that early stopping goes by.

    Attributes:
        messages: The messages.
        own: Whether they are own ones; else they are of the corpus.
    """

    messages: list[Message]
    own: bool


def choose_watched(own: Sequence[Message], corpus: Sequence[Message], seed: int) -> Watched:
    """Return the own validation messages, or those of the corpus where too few own ones are labelled."""
    labelled = [m for m in own if any(m.label(output) is not None for output in OUTPUTS)]
    enough = len(labelled) >= FEWEST_TO_WATCH or not corpus
    chosen = labelled if enough else [m for m in corpus if m.language in LANGUAGES]
    return Watched(Random(seed).sample(chosen, min(MOST_TO_WATCH, len(chosen))), enough)


def steps_between(steps: int) -> int:
    """Return after how many steps each of a training with so many the validation loss is measured."""
    return min(_MOST_STEPS_BETWEEN, max(1, steps // _MEASUREMENTS))


def learn(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    watched: Sequence[Message],
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> bool:
    """Train ``model`` in place with early stopping; an interrupted training goes on.

    Args:
        model: The network to start from.
        base: Its encoder, for the tokenizer.
        examples: What is learned.
        watched: Messages that early stopping goes by.
        settings: Settings of the training.
        folder: Where checkpoints go.
        seed: Seed of the order and of dropout.

    Returns:
        Whether anything better than the start was found; if not, ``model`` is the start again.
    """
    steps = step_count(examples, settings)
    weights = LossWeights(positive=positive_weights(examples.labels))
    validation = examples_of(watched)
    start = copy.deepcopy(model.state_dict())
    before = watched_loss(model, base, validation, settings, weights)
    watch = Watch(validation, steps_between(steps), _PATIENCE)
    # A checkpoint remembers where the best one lies, so the folder must not depend on where one stands.
    fine_tune(model, base.tokenizer, examples, settings, weights, folder.resolve(), seed, watch)
    if watched_loss(model, base, validation, settings, weights) < before:
        return True
    model.load_state_dict(start)
    return False


def watched_loss(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    settings: StageSettings,
    weights: LossWeights,
) -> float:
    """Return the loss of a network on examples, as early stopping measures it."""
    logits = run(model, base.tokenizer, examples.texts, settings.max_tokens, half_precision=True)
    batch = {"labels": torch.from_numpy(examples.labels), "languages": torch.from_numpy(examples.languages)}
    return float(loss_of(logits, batch, weights))
