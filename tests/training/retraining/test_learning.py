from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.making import make_message
from training.corpus.messages import read_split
from training.fitting.fine_tuning import Watch
from training.fitting.recipe import Recipe
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel
from training.retraining import learning
from training.retraining.learning import (
    FEWEST_TO_WATCH,
    MOST_TO_WATCH,
    choose_watched,
    learn,
    steps_between,
)
from training.retraining.mixing import mix


def test_early_stopping_goes_by_own_messages_where_enough_are_labelled() -> None:
    corpus = [make_message(i, id=f"c-{i}") for i in range(100)]
    unlabelled = {"complexity": None, "negative_sentiment": None, "human_requested": None}
    few = [make_message(i, **(unlabelled if i else {})) for i in range(100)]
    enough = [make_message(i) for i in range(FEWEST_TO_WATCH)]
    assert not choose_watched(few, corpus, 1).own
    assert {m.id for m in choose_watched(few, corpus, 1).messages} == {m.id for m in corpus}
    assert choose_watched(enough, corpus, 1).own
    assert choose_watched(few, [], 1).own
    partly = [replace(m, complexity=None, human_requested=None) for m in enough]
    assert choose_watched(partly, corpus, 1).own
    assert not choose_watched(enough[1:], corpus, 1).own


def test_of_many_messages_a_part_that_the_seed_tells_is_watched() -> None:
    many = [make_message(i) for i in range(2 * MOST_TO_WATCH)]
    first, again, other = (choose_watched(many, [], seed).messages for seed in (1, 1, 2))
    assert len({m.id for m in first}) == MOST_TO_WATCH
    assert first == again
    assert first != other


def test_of_the_corpus_only_the_four_languages_are_watched() -> None:
    corpus = [make_message(i, language="other" if i % 2 else "he") for i in range(20)]
    assert {m.language for m in choose_watched([], corpus, 1).messages} == {"he"}


@pytest.mark.parametrize(("steps", "between"), [(1, 1), (9, 1), (100, 10), (90_000, 200)])
def test_the_loss_is_measured_often_enough(steps: int, between: int) -> None:
    assert steps_between(steps) == between


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
