"""Learning from own messages, with early stopping where enough of them are labelled."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import torch

from escalate.policy import OUTPUTS
from training.corpus.messages import Message
from training.fitting.examples import Examples, examples_of
from training.fitting.fine_tuning import Watch, fine_tune, run, use_fastest_attention
from training.fitting.losses import LossWeights, loss_of, positive_weights
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel
from training.retraining.mixing import at_most

FEWEST_TO_WATCH: Final = 200
"""Early stopping needs so many labelled validation messages: the loss on fewer moves by chance."""

MOST_TO_WATCH: Final = 800
"""Of more validation messages a random part says as much in less time."""

_PATIENCE: Final = 5


def choose_watched(validation: Sequence[Message], seed: int) -> list[Message]:
    """Return the own validation messages that early stopping goes by; none where too few are labelled."""
    labelled = [m for m in validation if any(m.label(output) is not None for output in OUTPUTS)]
    if len(labelled) < FEWEST_TO_WATCH:
        return []
    return at_most(labelled, MOST_TO_WATCH, Random(seed))


def learn(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    watched: Sequence[Message],
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> bool:
    """Train ``model`` in place, with early stopping where it can be; an interrupted training goes on.

    Args:
        model: The network to start from.
        base: Its encoder, for the tokenizer.
        examples: What is learned.
        watched: Messages that early stopping goes by; none to train to the end.
        settings: Settings of the training.
        folder: Where checkpoints go.
        seed: Seed of the order and of dropout.

    Returns:
        Whether anything better than the start was found on the watched messages; if not, ``model`` is
        the start again. True where none are watched.
    """
    weights = LossWeights(positive=positive_weights(examples.labels))
    # A checkpoint remembers where the best one lies, so the folder must not depend on where one stands.
    folder = folder.resolve()
    if not watched:
        fine_tune(model, base.tokenizer, examples, settings, weights, folder, seed)
        return True
    validation = examples_of(watched)
    start = copy.deepcopy(model.state_dict())
    # The loss before is to differ from the one after by what is learned alone.
    use_fastest_attention(model)
    before = watched_loss(model, base, validation, settings, weights)
    watch = Watch(validation, _PATIENCE)
    fine_tune(model, base.tokenizer, examples, settings, weights, folder, seed, watch)
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
