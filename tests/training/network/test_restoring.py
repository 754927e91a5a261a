from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from escalate.bundle import load_bundle
from escalate.model import start_session
from escalate.text import normalise
from escalate.tokens import WindowTokenizer
from training.errors import BaseEncoderError
from training.fitting.examples import token_ids
from training.fitting.pipeline import read_teacher
from training.fitting.recipe import Recipe
from training.network.model import EscalationModel, keep_layers
from training.network.onnx_graph import build_onnx
from training.network.restoring import read_network


@pytest.mark.parametrize("layers", [(0,), (0, 1), (1, 0, 1)])
@pytest.mark.parametrize("quantised", [False, True])
def test_a_network_is_read_back_as_it_was_written(
    layers: tuple[int, ...], quantised: bool, tiny_run: Path, tiny_bundle: Path, tiny_recipe: Recipe
) -> None:
    teacher, base = read_teacher(tiny_recipe, tiny_run, 1)
    model = EscalationModel(keep_layers(teacher.encoder, list(layers)))
    model.outputs.load_state_dict(teacher.outputs.state_dict())
    model.language.load_state_dict(teacher.language.state_dict())
    bundle = replace(load_bundle(tiny_bundle), model=build_onnx(model.eval(), quantised=quantised))
    read, read_base = read_network(bundle)
    assert isinstance(read, EscalationModel)
    assert read.encoder.config.num_hidden_layers == len(layers)
    assert read.encoder.config.num_attention_heads == base.model.config.num_attention_heads
    assert read_base.tokenizer.to_str() == bundle.tokenizer
    for name, tensor in model.state_dict().items():
        if "position" in name or "token_type" in name:
            continue
        found = read.state_dict()[name]
        atol = float(tensor.abs().max()) / 200 if quantised else 0.0
        torch.testing.assert_close(found, tensor, rtol=0, atol=atol)
    # Written again, what was read is what was written: nothing is lost by training on.
    again = build_onnx(read, quantised=quantised)
    ids = np.array([token_ids(base.tokenizer, ["where is my parcel awful"], 32)[0]])
    first, second = (start_session(onnx).run(None, {"input_ids": ids}) for onnx in (bundle.model, again))
    np.testing.assert_allclose(first[0], second[0], atol=1e-4)


def test_the_released_network_answers_as_the_released_model(released: Path) -> None:
    bundle = load_bundle(released)
    model, base = read_network(bundle)
    tokenizer = WindowTokenizer(bundle.tokenizer, bundle.window, bundle.overlap)
    session = start_session(bundle.model)
    texts = [
        "Where is my parcel?",
        "כבר שלוש פעמים ביטלתם לי את התור!",
        "أريد التحدث مع موظف من فضلكم",
        "Chci mluvit s člověkem, tohle je hrozné.",
    ]
    for text in texts:
        (window,) = tokenizer.windows(normalise(text))
        assert token_ids(base.tokenizer, [text], bundle.window)[0] == window[0].tolist()
        served = session.run(None, {"input_ids": window})
        with torch.inference_mode():
            ids = torch.from_numpy(window)
            logits = model(ids, torch.ones_like(ids))
        # Only the rounding of activations is left between them.
        np.testing.assert_allclose(served[0], logits.outputs.numpy(), atol=0.15)
        np.testing.assert_allclose(served[1], logits.language.numpy(), atol=0.15, rtol=0.03)


def test_weights_in_blocks_are_an_error(tiny_bundle: Path) -> None:
    """Bundles of 0.4.0 and older have a scale for every 64 weights."""
    bundle = load_bundle(tiny_bundle)
    proto = onnx.load_model_from_string(bundle.model)
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("projections.weight"):
            weight = numpy_helper.to_array(tensor)
            blocks = np.zeros((weight.shape[1], 2, 64), dtype=np.uint8)
            tensor.CopyFrom(numpy_helper.from_array(blocks, tensor.name))
    with pytest.raises(BaseEncoderError, match="export it again"):
        read_network(replace(bundle, model=proto.SerializeToString()))


def test_another_graph_is_an_error(tiny_bundle: Path) -> None:
    empty = helper.make_model(helper.make_graph([], "empty", [], []))
    bundle = replace(load_bundle(tiny_bundle), model=empty.SerializeToString())
    assert onnx.load_model_from_string(bundle.model).graph.name == "empty"
    with pytest.raises(BaseEncoderError, match="start from the base encoder"):
        read_network(bundle)
