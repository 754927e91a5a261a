"""Fixtures of retraining: the tiny recipe as a file, a folder to work in, a network with trained heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.training.retraining.making import write_recipe
from training.corpus.messages import read_split
from training.fitting.recipe import Recipe

if TYPE_CHECKING:
    from training.network.base_encoder import BaseEncoder
    from training.network.model import EscalationModel


@pytest.fixture(scope="session")
def recipe_file(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe as TOML, with a rate high enough for a random encoder."""
    teacher = replace(tiny_recipe.teacher, learning_rate=4e-3)
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    return write_recipe(path, replace(tiny_recipe, teacher=teacher))


@pytest.fixture
def network(tiny_base: Path, tiny_corpus: Path) -> tuple[EscalationModel, BaseEncoder]:
    """The tiny encoder with linear probes as heads, and the encoder with its tokenizer."""
    from training.fitting.examples import examples_of
    from training.fitting.fine_tuning import start_heads_from_probe
    from training.network.base_encoder import load_base_encoder
    from training.network.model import EscalationModel

    base = load_base_encoder(str(tiny_base))
    model = EscalationModel(base.model)
    start_heads_from_probe(model, base.tokenizer, examples_of(read_split(tiny_corpus, "train")), 32)
    return model.cpu(), base
