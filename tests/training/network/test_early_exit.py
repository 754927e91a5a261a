from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.bundle import load_bundle
from escalate.model import start_session
from training.fitting.pipeline import read_served
from training.fitting.recipe import Recipe
from training.network.early_exit import EarlyExit, is_sure
from training.network.model import Logits
from training.network.onnx_graph import build_onnx
from training.network.outliers import outliers_last
from training.network.restoring import read_network


def _read(network: torch.nn.Module, row: list[int]) -> Logits:
    ids = torch.tensor([row])
    with torch.inference_mode():
        logits = network(ids, torch.ones_like(ids))
    assert isinstance(logits, Logits)
    return logits


@pytest.fixture(scope="module")
def network(tiny_run: Path, tiny_recipe: Recipe, rows: list[list[int]]) -> EarlyExit:
    """The network of the tiny run, its student sure of about half of ``rows``."""
    served, _ = read_served(tiny_recipe, tiny_run)
    assert isinstance(served, EarlyExit)
    margins = [_margin(_read(served.student, row)) for row in rows]
    # Halfway between two margins, so that no rounding moves a row across.
    middle = sorted(margins)[len(margins) // 2 - 1 :][:2]
    served.margin = sum(middle) / 2
    return served


def _margin(logits: Logits) -> float:
    first, second = logits.language[0].topk(2).values.tolist()
    return float(min(logits.outputs.abs().min().item(), first - second))


@pytest.fixture(scope="module")
def rows(tiny_run: Path, tiny_recipe: Recipe) -> list[list[int]]:
    _, base = read_served(tiny_recipe, tiny_run)
    random = np.random.default_rng(3)
    return [random.integers(4, base.model.config.vocab_size, size=n).tolist() for n in range(1, 32)]


def test_the_student_answers_where_it_is_sure_and_the_teacher_elsewhere(
    network: EarlyExit, rows: list[list[int]]
) -> None:
    early = []
    for row in rows:
        student, teacher, served = (_read(part, row) for part in (network.student, network.teacher, network))
        early.append(bool(is_sure(student, network.margin)))
        expected = student if early[-1] else teacher
        for found, part in zip(served, expected, strict=True):
            torch.testing.assert_close(found, part, rtol=0, atol=0)
    assert 0.3 < np.mean(early) < 0.7


def test_an_undecided_language_is_not_sure() -> None:
    outputs = torch.full((3, 3), -9.0)
    language = torch.tensor([[9.0, 0, 0, 0, 0], [9.0, 8.5, 0, 0, 0], [0, 0, 7.0, 0, 9.0]])
    logits = Logits(outputs, language, outputs)
    assert is_sure(logits, 1.0).tolist() == [True, False, True]
    outputs[0, 2] = 0.5
    assert is_sure(logits, 1.0).tolist() == [False, False, True]


def test_the_student_reads_with_the_layers_of_its_teacher(network: EarlyExit) -> None:
    student, teacher = network.student.encoder, network.teacher.encoder
    assert student.embeddings is teacher.embeddings
    for i in range(network.shared_layers):
        assert student.encoder.layer[i] is teacher.encoder.layer[i]
    assert student.encoder.layer[network.shared_layers] is not teacher.encoder.layer[network.shared_layers]


def test_learning_leaves_the_shared_layers_as_they_are(tiny_run: Path, tiny_recipe: Recipe) -> None:
    from safetensors.torch import load_file

    student = load_file(tiny_run / "student.safetensors")
    served, _ = read_served(tiny_recipe, tiny_run)
    assert isinstance(served, EarlyExit)
    teacher = served.teacher.state_dict()
    shared = [n for n in student if n.startswith(("encoder.embeddings.", "encoder.encoder.layer.0."))]
    assert shared
    for name in shared:
        torch.testing.assert_close(student[name], teacher[name], rtol=0, atol=0)
    own = "encoder.encoder.layer.1.output.dense.weight"
    assert not torch.equal(student[own], teacher[own])


def test_the_graph_exits_early_too(network: EarlyExit, rows: list[list[int]]) -> None:
    form = start_session(build_onnx(outliers_last(network, rows), quantised=False))

    @settings(max_examples=40)
    @given(st.integers(0, len(rows) - 1))
    def check(i: int) -> None:
        found, expected = form.run(None, {"input_ids": np.array([rows[i]])}), _read(network, rows[i])
        np.testing.assert_allclose(found[0], expected.outputs.numpy(), atol=1e-4)
        np.testing.assert_allclose(found[1], expected.language.numpy(), atol=1e-4)

    check()


def test_the_quantised_graph_exits_early_too(network: EarlyExit, rows: list[list[int]]) -> None:
    form = start_session(build_onnx(outliers_last(network, rows), quantised=True))
    # Rounding may move a message across the margin, so that only those far from it can be compared.
    far = [row for row in rows if abs(_margin(_read(network.student, row)) - network.margin) > 0.2]
    assert len(far) > len(rows) // 3
    for row in far:
        found = form.run(["outputs"], {"input_ids": np.array([row])})[0]
        np.testing.assert_allclose(found, _read(network, row).outputs.numpy(), atol=0.5)


@pytest.mark.parametrize("quantised", [False, True])
def test_it_is_read_back_as_it_was_written(
    network: EarlyExit, rows: list[list[int]], tiny_bundle: Path, quantised: bool
) -> None:
    bundle = replace(load_bundle(tiny_bundle), model=build_onnx(network, quantised=quantised))
    read, _ = read_network(bundle)
    assert isinstance(read, EarlyExit)
    assert read.shared_layers == network.shared_layers
    assert read.margin == pytest.approx(network.margin)
    atol = 0.1 if quantised else 1e-4
    for row in rows:
        for found, written in ((read.student, network.student), (read.teacher, network.teacher)):
            expected, got = _read(written, row), _read(found, row)
            torch.testing.assert_close(got.outputs, expected.outputs, rtol=0, atol=atol)
            torch.testing.assert_close(got.language, expected.language, rtol=0, atol=atol)
