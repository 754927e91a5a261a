from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from training.corpus.messages import read_split
from training.fitting.recipe import Recipe
from training.network.base_encoder import BaseEncoder
from training.network.model import EscalationModel
from training.network.restoring import read_network
from training.retraining.estimating import TimeEstimate, estimate_time
from training.retraining.mixing import mix


def test_the_whole_time_is_that_of_steps_and_measurements() -> None:
    assert (
        TimeEstimate(
            steps=100, step=2.0, measurement=5.0, measurements=12, reading=0.1, reading_among=0.1
        ).seconds
        == 260
    )


def test_an_estimate_counts_and_leaves_the_network_as_it_was(
    network: tuple[EscalationModel, BaseEncoder], tiny_corpus: Path, tiny_recipe: Recipe
) -> None:
    model, base = network
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train = read_split(tiny_corpus, "train")
    settings = replace(tiny_recipe.teacher, batch_size=8)
    expected = estimate_time(
        model, base, mix(train[:100], train[100:], 0.5, 2, 1), train[:50], settings, tiny_recipe.student
    )
    assert expected.steps == 50
    assert expected.measurements == 12
    assert min(expected.step, expected.measurement, expected.reading) > 0
    assert expected.seconds == expected.steps * expected.step + 12 * expected.measurement
    alone = estimate_time(
        model, base, mix(train[:100], train[100:], 0.5, 2, 1), [], settings, tiny_recipe.student
    )
    assert (alone.steps, alone.measurements, alone.measurement) == (50, 0, 0)
    assert alone.distilling == 0
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_the_time_of_a_student_counts_too(tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe) -> None:
    network, base = read_network(tiny_bundle)
    train = read_split(tiny_corpus, "train")
    examples = mix(train[:100], train[100:], 0.5, 2, 1)
    expected = estimate_time(network, base, examples, [], tiny_recipe.teacher, tiny_recipe.student)
    assert expected.distilling > 0
    assert expected.seconds == expected.steps * expected.step + expected.distilling
