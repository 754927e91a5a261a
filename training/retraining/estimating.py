"""How long a training will take on this machine, measured before it starts."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import torch

from escalate.policy import OUTPUTS
from training.corpus.messages import Message
from training.fitting.examples import (
    ExampleDataset,
    Examples,
    collate,
    examples_of,
    token_ids,
)
from training.fitting.fine_tuning import has_bf16, prepare, run, step_count, steps_between
from training.fitting.losses import LossWeights, loss_of
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder, special_id
from training.network.early_exit import EarlyExit, Network, members
from training.network.model import EscalationModel
from training.retraining.learning import watched_loss

_TIMED_STEPS: Final = 5
_TIMED_WATCHED: Final = 64
_TIMED_SINGLES: Final = 8
_TIMED_AMONG: Final = 128


@dataclass(frozen=True)
class TimeEstimate:
    """How long a training takes on this machine.

    Attributes:
        steps: Steps of the whole training, if it is not stopped early.
        step: Seconds of a step.
        measurement: Seconds of a measurement of the validation loss.
        measurements: How often that is measured.
        reading: Seconds to read one message alone, as export and evaluation do.
        reading_among: Seconds to read one message among others, as a linear probe does.
        distilling: Seconds in which a student follows its teacher.
    """

    steps: int
    step: float
    measurement: float
    measurements: int
    reading: float
    reading_among: float
    distilling: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of the whole training."""
        return self.steps * self.step + self.measurements * self.measurement + self.distilling


def estimate_time(
    network: Network,
    base: BaseEncoder,
    examples: Examples,
    watched: Sequence[Message],
    settings: StageSettings,
    student: StageSettings,
) -> TimeEstimate:
    """Time some steps on a copy of the network, and the reading of some messages.

    Args:
        network: The network to start from; it is left as it is.
        base: Its encoder, for the tokenizer.
        examples: What is to be learned, at least one.
        watched: Messages that early stopping goes by, if any.
        settings: Settings of the training.
        student: Settings of a student, where the network answers early.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    copies = copy.deepcopy(network).to(device)
    copied = members(copies)[0]
    weights = LossWeights(positive=(1.0,) * len(OUTPUTS))
    seconds = _timed_steps(copied, _typical_batches(base, examples, settings), settings, weights)
    steps = step_count(examples, settings)
    reading_among = _timed_reading_among(copied, base, examples, settings)
    distilling = 0.0
    if isinstance(copies, EarlyExit):
        distilling = len(examples) * reading_among + _timed_distilling(
            copies, base, examples, student, weights
        )
    return TimeEstimate(
        steps=steps,
        # The first step also prepares memory.
        step=float(np.mean(seconds[1:])),
        measurement=_timed_loss(copied, base, watched, settings, weights) if watched else 0.0,
        # Besides those in between, the losses before and after are measured.
        measurements=steps // steps_between(steps) + 2 if watched else 0,
        reading=_timed_reading(copied, base, examples, settings),
        reading_among=reading_among,
        distilling=distilling,
    )


def _timed_steps(
    model: EscalationModel,
    batches: Sequence[dict[str, torch.Tensor]],
    settings: StageSettings,
    weights: LossWeights,
    frozen_layers: int = 0,
) -> list[float]:
    """Return the seconds of a step on each batch; at a rate of 0 the weights stay as they are."""
    device = next(model.parameters()).device
    optimiser = prepare(model.train(), settings, frozen_layers)
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    seconds = []
    for batch in batches:
        begin = time.perf_counter()
        inputs = {name: part.to(device) for name, part in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16()):
            logits = model(inputs["input_ids"], inputs["attention_mask"])
        loss_of(type(logits)(*(part.float() for part in logits)), inputs, weights).backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - begin)
    return seconds


def _timed_distilling(
    network: EarlyExit, base: BaseEncoder, examples: Examples, student: StageSettings, weights: LossWeights
) -> float:
    """Return the seconds in which a student learns examples, its teacher's answers to them known."""
    batches = _typical_batches(base, examples, student)
    seconds = _timed_steps(network.student, batches, student, weights, network.shared_layers)
    return step_count(examples, student) * float(np.mean(seconds[1:]))


def _typical_batches(
    base: BaseEncoder, examples: Examples, settings: StageSettings
) -> list[dict[str, torch.Tensor]]:
    """Return batches of alike length, as training makes them, from short to long, the first one twice."""
    dataset = ExampleDataset(examples, base.tokenizer, settings.max_tokens)
    order = sorted(range(len(dataset)), key=lambda i: len(dataset.ids[i]))
    places = np.linspace(0, 1, 2 * _TIMED_STEPS + 1)[1::2]
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
    some = watched[:_TIMED_WATCHED]
    begin = time.perf_counter()
    watched_loss(model, base, examples_of(some), settings, weights)
    return (time.perf_counter() - begin) * len(watched) / len(some)


def _timed_reading(
    model: EscalationModel, base: BaseEncoder, examples: Examples, settings: StageSettings
) -> float:
    device = next(model.parameters()).device
    model.eval()
    some = Random(1).sample(examples.texts, min(_TIMED_SINGLES, len(examples)))
    begin = time.perf_counter()
    with torch.inference_mode():
        for ids in token_ids(base.tokenizer, some, settings.max_tokens):
            row = torch.tensor([ids], device=device)
            model(row, torch.ones_like(row))
    return (time.perf_counter() - begin) / len(some)


def _timed_reading_among(
    model: EscalationModel, base: BaseEncoder, examples: Examples, settings: StageSettings
) -> float:
    some = Random(1).sample(examples.texts, min(_TIMED_AMONG, len(examples)))
    begin = time.perf_counter()
    run(model, base.tokenizer, some, settings.max_tokens, half_precision=True)
    return (time.perf_counter() - begin) / len(some)
