from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import EarlyStoppingCallback, TrainerState

from escalate.policy import LANGUAGES, OUTPUTS
from tests.training.making import make_message
from training.corpus.messages import Message, read_split
from training.fitting import fine_tuning
from training.fitting.examples import examples_of
from training.fitting.fine_tuning import Watch, fine_tune
from training.fitting.losses import LossWeights
from training.fitting.recipe import Recipe
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel
from training.retraining import learning
from training.retraining.learning import (
    FEWEST_TO_WATCH,
    MOST_TO_WATCH,
    choose_watched,
    learn,
    watched_loss,
)
from training.retraining.mixing import mix


def test_early_stopping_needs_enough_labelled_messages() -> None:
    enough = [make_message(i) for i in range(FEWEST_TO_WATCH)]
    assert len(choose_watched(enough, 1)) == FEWEST_TO_WATCH
    partly = [replace(m, complexity=None, human_requested=None) for m in enough]
    assert len(choose_watched(partly, 1)) == FEWEST_TO_WATCH
    assert choose_watched(enough[1:], 1) == []
    unlabelled = replace(enough[0], complexity=None, negative_sentiment=None, human_requested=None)
    assert choose_watched([*enough[1:], unlabelled], 1) == []


def test_of_many_messages_a_part_that_the_seed_tells_is_watched() -> None:
    many = [make_message(i) for i in range(2 * MOST_TO_WATCH)]
    first, again, other = (choose_watched(many, seed) for seed in (1, 1, 2))
    assert len({m.id for m in first}) == MOST_TO_WATCH
    assert first == again
    assert first != other


def turn(model: EscalationModel) -> None:
    """Make the answers of a network the opposite of what they were."""
    with torch.no_grad():
        model.outputs.weight.neg_()
        model.outputs.bias.neg_()


@pytest.mark.parametrize("better", [True, False])
def test_the_start_comes_back_where_nothing_is_better(
    better: bool,
    network: tuple[EscalationModel, BaseEncoder],
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, base = network
    if better:
        turn(model)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    watches = []

    def turning(model: EscalationModel, *arguments: object) -> EscalationModel:
        watches.append(arguments[-1])
        turn(model)
        return model

    monkeypatch.setattr(learning, "fine_tune", turning)
    examples = mix(read_split(tiny_corpus, "train")[:100], [], 1, 2, 1)
    watched = read_split(tiny_corpus, "validation")[:100]
    assert learn(model, base, examples, watched, tiny_recipe.teacher, tmp_path, 1) == better
    same = [torch.equal(tensor, start[name]) for name, tensor in model.state_dict().items()]
    assert all(same) != better
    (watch,) = watches
    assert isinstance(watch, Watch)
    assert watch.examples.texts == [message.text for message in watched]


def opposite(message: Message) -> Message:
    """Return a message with the labels and the language that it does not have."""
    labels: dict[str, Any] = {output: 1 - int(message.label(output) or 0) for output in OUTPUTS}
    language = LANGUAGES[(LANGUAGES.index(message.language) + 1) % len(LANGUAGES)]
    return replace(message, language=language, **labels)


def test_training_stops_early_with_the_network_of_the_lowest_loss(
    network: tuple[EscalationModel, BaseEncoder],
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The better the messages are learned, the higher is the loss on the opposite of what they say."""
    states: list[TrainerState] = []

    class Recording(EarlyStoppingCallback):
        def on_train_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
            states.append(state)

    monkeypatch.setattr(fine_tuning, "EarlyStoppingCallback", Recording)
    model, base = network
    examples = mix(read_split(tiny_corpus, "train"), [], 1, 1, 1)
    messages = [m for m in read_split(tiny_corpus, "validation") if m.language != "other"]
    watched = examples_of([opposite(message) for message in messages[::4]])
    settings = replace(tiny_recipe.teacher, learning_rate=4e-3)
    weights = LossWeights(positive=(1.0, 1.0, 1.0))
    watch = Watch(watched, patience=3)
    fine_tune(model, base.tokenizer, examples, settings, weights, tmp_path, 1, watch)
    (state,) = states
    assert 0 < state.global_step < state.max_steps
    losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
    assert state.best_metric == min(losses)
    assert losses.index(min(losses)) == len(losses) - 1 - watch.patience
    assert losses[-1] > 1.1 * min(losses)
    # Batches of other lengths round differently in bf16.
    assert watched_loss(model, base, watched, settings, weights) == pytest.approx(min(losses), rel=0.02)


def test_without_messages_to_watch_it_learns_to_the_end(
    network: tuple[EscalationModel, BaseEncoder], tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    model, base = network
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    examples = mix(read_split(tiny_corpus, "train")[:64], [], 1, 1, 1)
    settings = replace(tiny_recipe.teacher, batch_size=16)
    assert learn(model, base, examples, [], settings, tmp_path, 1)
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] == state["max_steps"] == 4
    assert not torch.equal(model.outputs.weight, start["outputs.weight"])
