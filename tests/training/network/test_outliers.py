from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from escalate.model import start_session
from training.fitting.pipeline import read_teacher
from training.fitting.recipe import Recipe
from training.network.model import EscalationModel
from training.network.onnx_graph import build_onnx, outlier_count
from training.network.outliers import outliers_last

_LOUD = 3
"""A channel that is not among the last."""


def _layers(model: EscalationModel) -> list[Any]:
    return list(model.encoder.encoder.layer)


@pytest.fixture
def model(tiny_run: Path, tiny_recipe: Recipe) -> EscalationModel:
    """Return a small network with one hidden and one intermediate channel that are far larger than all
    others, and that no linear layer reads."""
    model, _ = read_teacher(tiny_recipe, tiny_run, 1)
    for layer in _layers(model):
        for dense in (layer.intermediate.dense, layer.output.dense):
            dense.weight.data *= 10
        layer.attention.output.LayerNorm.weight.data[_LOUD] *= 30
        layer.intermediate.dense.weight.data[:, _LOUD] = 0
        layer.intermediate.dense.bias.data[_LOUD] = 60
        layer.output.dense.weight.data[:, _LOUD] = 0
    return model.eval()


@pytest.fixture
def windows(model: EscalationModel) -> list[list[int]]:
    random = np.random.default_rng(7)
    return [random.integers(4, model.encoder.config.vocab_size, size=n).tolist() for n in range(2, 30)]


def test_the_order_of_channels_changes_nothing_that_the_network_answers(
    model: EscalationModel, windows: list[list[int]]
) -> None:
    ordered = outliers_last(model, windows)
    for window in windows:
        ids = torch.tensor([window])
        with torch.inference_mode():
            expected, found = (network(ids, torch.ones_like(ids)) for network in (model, ordered))
        torch.testing.assert_close(found.outputs, expected.outputs, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.language, expected.language, rtol=1e-4, atol=1e-4)


def test_large_channels_come_last_and_the_network_itself_stays(
    model: EscalationModel, windows: list[list[int]]
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ordered = outliers_last(model, windows)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    for old, new in zip(_layers(model), _layers(ordered), strict=True):
        # Only the loud channels have norms and biases so large.
        for tensor, expected in (
            (new.attention.output.LayerNorm.weight, old.attention.output.LayerNorm.weight[_LOUD]),
            (new.intermediate.dense.bias, old.intermediate.dense.bias[_LOUD]),
        ):
            assert tensor[-outlier_count(len(tensor)) :].max() == expected


def test_rounding_disturbs_less_where_large_channels_come_last(
    model: EscalationModel, windows: list[list[int]]
) -> None:
    def error(network: EscalationModel) -> float:
        forms = [start_session(build_onnx(network, quantised=quantised)) for quantised in (False, True)]
        differences = []
        for window in windows:
            exact, rounded = (form.run(["outputs"], {"input_ids": [window]})[0] for form in forms)
            differences.append(np.abs(exact - rounded).mean())
        return float(np.mean(differences))

    assert error(outliers_last(model, windows)) < 0.5 * error(model)


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (24, 1), (25, 2), (384, 16), (1536, 64)])
def test_one_channel_in_24_is_an_outlier(channels: int, expected: int) -> None:
    assert outlier_count(channels) == expected
