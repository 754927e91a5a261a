from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.bundle import LANGUAGE_CLASSES
from escalate.model import start_session
from training.bundle import bundling, export
from training.bundle.bundling import Draft, draft_bundle
from training.bundle.export import (
    LARGEST_TORCH_DIFFERENCE,
    LEAST_SAME_DECISIONS,
    moved_decisions,
    require_same_network,
)
from training.corpus.messages import Message, read_split
from training.errors import ExportError
from training.fitting.examples import token_ids
from training.fitting.pipeline import read_served, read_teacher
from training.fitting.recipe import Recipe
from training.network.early_exit import Network, members
from training.network.model import EscalationModel, interpolate, keep_layers
from training.network.onnx_graph import build_onnx
from training.network.outliers import outliers_last


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


def parity(**values: float) -> dict[str, dict[str, float]]:
    perfect = {"same_decisions": 1.0, "difference_p99": 0.0, "torch_difference": 0.0}
    return {"he": perfect, "cs": {**perfect, **values}}


def test_a_graph_may_differ_from_torch_up_to_the_limit() -> None:
    require_same_network(parity(torch_difference=LARGEST_TORCH_DIFFERENCE))
    with pytest.raises(ExportError, match=r"cs: the ONNX graph differs from torch by 1\.1e-03"):
        require_same_network(parity(torch_difference=1.1 * LARGEST_TORCH_DIFFERENCE))


def test_quantising_may_move_decisions_up_to_the_limit() -> None:
    assert moved_decisions(parity(same_decisions=LEAST_SAME_DECISIONS)) == []
    (sentence,) = moved_decisions(parity(same_decisions=LEAST_SAME_DECISIONS - 0.001))
    assert sentence.startswith("cs: in integers only 96.9% of the decisions")


@pytest.mark.parametrize(
    ("rolled", "told"),
    [("quantised", "cs: in integers only"), ("float32", "the ONNX graph differs from torch")],
)
def test_a_graph_that_takes_one_language_for_another_is_not_exported(
    rolled: str,
    told: str,
    tiny_run: Path,
    tiny_corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says of the three outputs is right all the same."""

    def roll(model: Network, *, quantised: bool) -> bytes:
        if quantised == (rolled == "quantised"):
            model = copy.deepcopy(model)
            for member in members(model):
                member.language.weight.data = member.language.weight.data.roll(1, 0)
                member.language.bias.data = member.language.bias.data.roll(1, 0)
        return build_onnx(model, quantised=quantised)

    monkeypatch.setattr(bundling, "build_onnx", roll)
    with pytest.raises(ExportError, match=told):
        export.export(tiny_run, tiny_corpus, "x", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


class DraftedError(Exception):
    """Ends an export whose draft has been seen."""


@dataclass
class Drafted:
    """What an export gave to the draft and to the order of its channels."""

    model: Network
    train: list[Message]
    validation: list[Message]
    ordered: Network
    windows: list[list[int]]
    draft: Draft


@pytest.fixture(scope="module")
def drafted(tiny_run: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Drafted:
    """An export of the tiny run, up to its draft."""
    seen: dict[str, Any] = {}

    def see_draft(
        model: Network,
        base: Any,
        recipe: Recipe,
        train: Sequence[Message],
        validation: Sequence[Message],
    ) -> Draft:
        draft = draft_bundle(model, base, recipe, train, validation)
        seen.update(model=model, train=list(train), validation=list(validation), draft=draft)
        raise DraftedError

    def see_order(model: Network, windows: Sequence[Sequence[int]]) -> Network:
        seen.update(ordered=model, windows=[list(window) for window in windows])
        return outliers_last(model, windows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "draft_bundle", see_draft)
        patch.setattr(bundling, "outliers_last", see_order)
        with pytest.raises(DraftedError):
            export.export(tiny_run, tiny_corpus, "x", tmp_path_factory.mktemp("drafted") / "bundle")
    return Drafted(**seen)


def test_the_draft_is_made_of_the_train_and_the_validation_split_alone(
    drafted: Drafted, tiny_corpus: Path
) -> None:
    assert drafted.train == read_split(tiny_corpus, "train")
    assert drafted.validation == read_split(tiny_corpus, "validation")


def test_the_served_graph_is_the_network_quantised_as_its_train_messages_show(
    drafted: Drafted, tiny_run: Path, tiny_recipe: Recipe
) -> None:
    _, base = read_served(tiny_recipe, tiny_run)
    learned = token_ids(base.tokenizer, [message.text for message in drafted.train], tiny_recipe.window)
    assert len(drafted.windows) > 100
    assert {tuple(window) for window in drafted.windows} <= {tuple(row) for row in learned}
    assert drafted.ordered is drafted.model
    ordered = outliers_last(drafted.model, drafted.windows)
    assert drafted.draft.onnx == build_onnx(ordered, quantised=True)
    assert drafted.draft.onnx_float32 == build_onnx(drafted.model, quantised=False)


def test_the_exported_network_expects_fewer_other_languages_than_it_learned(
    drafted: Drafted, tiny_run: Path, tiny_recipe: Recipe
) -> None:
    trained, _ = read_served(tiny_recipe, tiny_run)
    others = sum(message.language == "other" for message in drafted.train)
    odds = tiny_recipe.other_share / (1 - tiny_recipe.other_share)
    shift = np.log(odds) - np.log(others / (len(drafted.train) - others))
    assert shift < -1
    expected = [shift if language == "other" else 0 for language in LANGUAGE_CLASSES]
    for exported, learned in zip(members(drafted.model), members(trained), strict=True):
        change = (exported.language.bias - learned.language.bias).detach().numpy()
        assert change == pytest.approx(expected, abs=1e-5)
        torch.testing.assert_close(exported.outputs.bias, learned.outputs.bias, rtol=0, atol=0)


def test_labels_of_the_train_split_are_in_the_base_rates_alone(
    drafted: Drafted, tiny_run: Path, tiny_recipe: Recipe
) -> None:
    _, base = read_served(tiny_recipe, tiny_run)
    yes = [replace(message, complexity=1) for message in drafted.train[:100]]
    train = [*yes, *drafted.train[100:]]
    draft = draft_bundle(drafted.model, base, tiny_recipe, train, drafted.validation)
    known = [message.complexity for message in train if message.complexity is not None]
    assert draft.base_rates["complexity"] == pytest.approx(sum(known) / len(known))
    assert draft.base_rates["complexity"] > drafted.draft.base_rates["complexity"] + 0.1
    assert replace(draft, base_rates=drafted.draft.base_rates) == drafted.draft


def test_labels_of_the_validation_split_are_in_the_calibration_and_in_no_base_rate(
    drafted: Drafted, tiny_run: Path, tiny_recipe: Recipe
) -> None:
    _, base = read_served(tiny_recipe, tiny_run)
    judged = [
        replace(message, human_requested=None) if i % 3 else message
        for i, message in enumerate(drafted.validation)
    ]
    draft = draft_bundle(drafted.model, base, tiny_recipe, drafted.train, judged)
    assert draft.base_rates == drafted.draft.base_rates
    assert draft.onnx == drafted.draft.onnx
    assert draft.calibration != drafted.draft.calibration
