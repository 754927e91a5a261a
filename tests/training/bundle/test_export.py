from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.model import start_session
from training.bundle.onnx_graph import build_onnx
from training.fitting.pipeline import read_teacher
from training.fitting.recipe import Recipe
from training.network.model import EscalationModel, interpolate, keep_layers


def test_three_forms_agree_on_any_tokens(tiny_run: Path, tiny_recipe: Recipe) -> None:
    model, base = read_teacher(tiny_recipe, tiny_run, 1)
    random = np.random.default_rng(5)
    rows = [random.integers(4, base.model.config.vocab_size, size=n).tolist() for n in range(1, 32)]
    forms = [
        start_session(onnx)
        for onnx in (build_onnx(model, quantised=False), build_onnx(model, quantised=True))
    ]

    @settings(max_examples=40)
    @given(st.integers(0, len(rows) - 1))
    def check(i: int) -> None:
        ids = torch.tensor([rows[i]])
        with torch.inference_mode():
            expected = model(ids, torch.ones_like(ids))
        exact, quantised = (form.run(None, {"input_ids": ids.numpy()}) for form in forms)
        np.testing.assert_allclose(exact[0], expected.outputs.numpy(), atol=1e-4)
        np.testing.assert_allclose(exact[1], expected.language.numpy(), atol=1e-4)
        np.testing.assert_allclose(quantised[0], exact[0], atol=0.5)

    check()


def test_quantising_makes_the_model_smaller(tiny_run: Path, tiny_recipe: Recipe) -> None:
    model, _ = read_teacher(tiny_recipe, tiny_run, 1)
    assert len(build_onnx(model, quantised=True)) < 0.5 * len(build_onnx(model, quantised=False))


def test_kept_layers_are_those_of_the_whole_encoder(tiny_run: Path, tiny_recipe: Recipe) -> None:
    model, _ = read_teacher(tiny_recipe, tiny_run, 1)
    shallow = keep_layers(model.encoder, [1])
    expected = model.encoder.encoder.layer[1].state_dict()
    for name, tensor in shallow.encoder.layer[0].state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def test_interpolation_goes_from_one_network_to_the_other(tiny_run: Path, tiny_recipe: Recipe) -> None:
    first, base = read_teacher(tiny_recipe, tiny_run, 1)
    second = EscalationModel(base.model)
    for weight, expected in ((0.0, first), (1.0, second)):
        for name, tensor in interpolate(first, second, weight).items():
            torch.testing.assert_close(tensor, expected.state_dict()[name])
    middle = interpolate(first, second, 0.5)["outputs.weight"]
    torch.testing.assert_close(middle, (first.outputs.weight + second.outputs.weight).detach() / 2)
