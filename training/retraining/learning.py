"""Learning from own messages: early stopping, and how long it will take."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import torch

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.fitting.examples import (
    ExampleDataset,
    Examples,
    collate,
    examples_of,
    special_id,
    token_ids,
)
from training.fitting.fine_tuning import Watch, fine_tune, has_bf16, run
from training.fitting.losses import LossWeights, loss_of, positive_weights
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel

FEWEST_TO_WATCH: Final = 50
"""Early stopping goes by the own validation messages from so many labelled ones on."""

MOST_TO_WATCH: Final = 800
MEASUREMENTS: Final = 10
MOST_STEPS_BETWEEN: Final = 200
PATIENCE: Final = 4

_TIMED: Final = 5
_SINGLES: Final = 8


@dataclass(frozen=True)
class Watched:
    """The messages that early stopping goes by.

    Attributes:
        messages: The messages.
        own: Whether they are own ones; else they are of the corpus.
    """

    messages: list[Message]
    own: bool


@dataclass(frozen=True)
class Estimate:
    """How long a training takes on this machine.

    Attributes:
        steps: Steps of the whole training, if it is not stopped early.
        step: Seconds of a step.
        measurement: Seconds of a measurement of the validation loss.
        measurements: How often that is measured.
        reading: Seconds to read one message alone, as export and evaluation do.
    """

    steps: int
    step: float
    measurement: float
    measurements: int
    reading: float

    @property
    def seconds(self) -> float:
        """Seconds of the whole training."""
        return self.steps * self.step + self.measurements * self.measurement


def choose_watched(own: Sequence[Message], corpus: Sequence[Message], seed: int) -> Watched:
    """Return the own validation messages, or those of the corpus where too few own ones are labelled."""
    labelled = [m for m in own if any(m.label(output) is not None for output in OUTPUTS)]
    enough = len(labelled) >= FEWEST_TO_WATCH or not corpus
    chosen = labelled if enough else [m for m in corpus if m.language in LANGUAGES]
    return Watched(Random(seed).sample(chosen, min(MOST_TO_WATCH, len(chosen))), enough)


def steps_between(steps: int) -> int:
    """Return after how many steps each the validation loss is measured."""
    return min(MOST_STEPS_BETWEEN, max(1, steps // MEASUREMENTS))


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
    steps = -(-len(examples) // settings.batch_size)
    weights = LossWeights(positive=positive_weights(examples.labels))
    validation = examples_of(watched)
    start = copy.deepcopy(model.state_dict())
    before = _loss(model, base, validation, settings, weights)
    watch = Watch(validation, steps_between(steps), PATIENCE)
    # A checkpoint remembers where the best one lies, so the folder must not depend on where one stands.
    fine_tune(model, base.tokenizer, examples, settings, weights, folder.resolve(), seed, watch)
    if _loss(model, base, validation, settings, weights) < before:
        return True
    model.load_state_dict(start)
    return False


def _loss(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    settings: StageSettings,
    weights: LossWeights,
) -> float:
    logits = run(model, base.tokenizer, examples.texts, settings.max_tokens, half_precision=True)
    batch = {"labels": torch.from_numpy(examples.labels), "languages": torch.from_numpy(examples.languages)}
    return float(loss_of(logits, batch, weights))


def estimate(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    watched: Sequence[Message],
    settings: StageSettings,
) -> Estimate:
    """Time some steps on a copy of the network, and reading of some messages."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    copied = copy.deepcopy(model).to(device).train()
    copied.freeze_embeddings()
    learned = [parameter for parameter in copied.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=0.0)
    weights = LossWeights(positive=(1.0,) * len(OUTPUTS))
    seconds = []
    for batch in _typical_batches(base, examples, settings):
        begin = time.perf_counter()
        inputs = {name: part.to(device) for name, part in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16()):
            logits = copied(inputs["input_ids"], inputs["attention_mask"])
        loss_of(type(logits)(*(part.float() for part in logits)), inputs, weights).backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - begin)
    steps = -(-len(examples) // settings.batch_size)
    return Estimate(
        steps=steps,
        # The first step also prepares memory.
        step=float(np.mean(seconds[1:])),
        measurement=_timed_loss(copied, base, watched, settings, weights),
        measurements=steps // steps_between(steps) + 2,
        reading=_timed_reading(copied, base, examples, settings),
    )


def _typical_batches(
    base: BaseEncoder, examples: Examples, settings: StageSettings
) -> list[dict[str, torch.Tensor]]:
    """Return batches of alike length, as training makes them, from short to long, the first one twice."""
    dataset = ExampleDataset(examples, base.tokenizer, settings.max_tokens)
    order = sorted(range(len(dataset)), key=lambda i: len(dataset.ids[i]))
    places = np.linspace(0, 1, 2 * _TIMED + 1)[1::2]
    starts = [round(place * max(0, len(order) - settings.batch_size)) for place in places]
    pad = special_id(base.tokenizer, "<pad>")
    batches = [
        collate([dataset[i] for i in order[start : start + settings.batch_size]], pad) for start in starts
    ]
    return [batches[0], *batches]


def _timed_loss(
    model: EscalationModel,
    base: BaseEncoder,
    watched: Sequence[Message],
    settings: StageSettings,
    weights: LossWeights,
) -> float:
    some = watched[:64]
    begin = time.perf_counter()
    _loss(model, base, examples_of(some), settings, weights)
    return (time.perf_counter() - begin) * len(watched) / len(some)


def _timed_reading(
    model: EscalationModel, base: BaseEncoder, examples: Examples, settings: StageSettings
) -> float:
    device = next(model.parameters()).device
    some = Random(1).sample(examples.texts, min(_SINGLES, len(examples)))
    begin = time.perf_counter()
    with torch.inference_mode():
        for ids in token_ids(base.tokenizer, some, settings.max_tokens):
            row = torch.tensor([ids], device=device)
            model(row, torch.ones_like(row))
    return (time.perf_counter() - begin) / len(some)
