from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from training.errors import BaseEncoderError
from training.fitting.pipeline import read_start, read_teacher
from training.fitting.recipe import Recipe
from training.network.channels import align, layers_of, reorder_hidden, reorder_intermediate
from training.network.model import EscalationModel

PIECES = {f"piece {row}": row for row in range(90)}
OTHER_ROWS = {f"piece {row}": 89 - row for row in range(80)}


@pytest.fixture
def start(tiny_run: Path, tiny_recipe: Recipe) -> EscalationModel:
    """Return a network whose vocabulary has the rows that PIECES names."""
    return _with_rows(read_start(tiny_recipe, tiny_run)[0], PIECES)


@pytest.fixture
def teacher(tiny_run: Path, tiny_recipe: Recipe) -> EscalationModel:
    return read_teacher(tiny_recipe, tiny_run, 1)[0]


def _with_rows(model: EscalationModel, pieces: dict[str, int]) -> EscalationModel:
    words = model.encoder.embeddings.word_embeddings
    rows = torch.zeros(len(pieces) + 10, words.weight.shape[1])
    for piece, row in pieces.items():
        rows[row] = words.weight[PIECES[piece]].detach()
    words.weight = torch.nn.Parameter(rows)
    words.num_embeddings = len(rows)
    return model


def _shuffled(model: EscalationModel) -> EscalationModel:
    shuffled = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(3)
    reorder_hidden(shuffled, torch.randperm(128, generator=generator))
    for layer in layers_of(shuffled):
        reorder_intermediate(layer, torch.randperm(192, generator=generator))
    return shuffled


def test_channels_come_back_in_the_order_of_the_other_network(
    teacher: EscalationModel, start: EscalationModel
) -> None:
    shuffled = _with_rows(_shuffled(teacher), OTHER_ROWS)
    aligned = align(shuffled, OTHER_ROWS, start, PIECES)
    expected, found = teacher.state_dict(), aligned.state_dict()
    for name, tensor in found.items():
        source = start.state_dict() if "embeddings" in name else expected
        torch.testing.assert_close(tensor, source[name], rtol=0, atol=0)


def test_a_network_from_another_base_is_refused(teacher: EscalationModel, start: EscalationModel) -> None:
    other = copy.deepcopy(teacher)
    torch.manual_seed(5)
    other.encoder.embeddings.word_embeddings.weight.data.normal_()
    with pytest.raises(BaseEncoderError, match="released_share = 0"):
        align(other, PIECES, start, PIECES)


def test_a_network_with_other_intermediate_channels_is_refused(
    teacher: EscalationModel, start: EscalationModel
) -> None:
    last = layers_of(teacher)[-1].output.dense
    last.weight.data[:, 0] = last.weight.data[:, 1]
    with pytest.raises(BaseEncoderError, match="the least similarity of a channel is"):
        align(teacher, PIECES, start, PIECES)


def test_a_network_of_another_shape_or_without_a_common_piece_is_refused(
    teacher: EscalationModel, start: EscalationModel, narrow: EscalationModel
) -> None:
    with pytest.raises(BaseEncoderError, match="one base encoder"):
        align(narrow, PIECES, start, PIECES)
    with pytest.raises(BaseEncoderError, match="one base encoder"):
        align(teacher, {"elsewhere": 0}, start, PIECES)


@pytest.fixture
def narrow() -> EscalationModel:
    """Return a network of other sizes."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=100, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192
    )
    return EscalationModel(BertModel(config, add_pooling_layer=False))
