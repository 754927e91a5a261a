from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from escalate import Classifier
from escalate.bundle import MANIFEST, Bundle, load_bundle
from escalate.language import read_language
from escalate.policy import LANGUAGES
from escalate.text import NORMALISER_VERSION, normalise
from training.bundle.bundling import MODEL_CARD
from training.bundle.calibrating import expect_other
from training.bundle.export import export
from training.corpus.messages import (
    Message,
    corpus_hash,
    read_messages,
    read_split,
    write_messages,
)
from training.errors import CorpusError, ExportError, RunError
from training.evaluation.answers import answer, evaluate
from training.fitting import pipeline
from training.fitting.examples import Examples, pairs_of
from training.fitting.fine_tuning import run
from training.fitting.pipeline import read_served, read_teacher, train
from training.fitting.recipe import Recipe
from training.network.early_exit import members
from training.network.model import Logits
from training.network.restoring import bundle_identity, read_network


def test_the_bundle_learned_the_corpus(tiny_bundle: Path, tiny_corpus: Path) -> None:
    metrics = evaluate(answer(Classifier.load(tiny_bundle), read_split(tiny_corpus, "test")))
    for language in ("he", "ar", "cs", "en"):
        for output in ("complexity", "negative_sentiment", "human_requested"):
            assert metrics["languages"][language][output]["macro_f1"] > 0.9
    assert metrics["language"]["accuracy"] > 0.9


def test_the_manifest_says_how_the_model_was_made(tiny_bundle: Path, tiny_corpus: Path) -> None:
    manifest = json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["data"]["sha256"] == corpus_hash(tiny_corpus)
    assert manifest["recipe"]["seeds"] == [1]
    assert manifest["commit"]
    assert manifest["metrics"]["languages"].keys() == {"he", "ar", "cs", "en"}
    assert set(manifest["sha256"]) == {"model.onnx", "tokenizer.json", "transliteration.tsv"}


def _decisions(bundle: Bundle, texts: Sequence[str], logits: Logits) -> Iterator[tuple[str, str]]:
    """Yield the language and the action of texts, as in service, from logits of any form of a network."""
    rows = zip(texts, logits.outputs.double().numpy(), logits.language.double().numpy(), strict=True)
    for text, outputs, scores in rows:
        language = read_language(scores, normalise(text))
        probabilities = bundle.calibration.probabilities(outputs, language)
        yield language, bundle.policy.decide(probabilities, language).action


def test_three_forms_of_the_network_agree(
    tiny_run: Path, tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe
) -> None:
    bundle = load_bundle(tiny_bundle)
    parity = bundle.manifest["metrics"]["parity"]
    assert parity.keys() == set(LANGUAGES)
    network, base = read_served(tiny_recipe, tiny_run)
    learned = [message.language for message in read_split(tiny_corpus, "train")]
    expect_other(network, learned, tiny_recipe.other_share)
    test = read_split(tiny_corpus, "test")
    for language, values in parity.items():
        # Of a form that is compared with itself both would be 0.
        assert 0 < values["torch_difference"] < 1e-4
        assert 0 < values["difference_p99"] < 0.1
        assert values["same_decisions"] > 0.95
        texts = [message.text for message in test if message.language == language]
        in_torch = _decisions(bundle, texts, run(network, base.tokenizer, texts, bundle.window))
        served = [(found.language, found.action) for found in Classifier(bundle).predict_many(texts)]
        same = np.mean([exact == rounded for exact, rounded in zip(in_torch, served, strict=True)])
        assert values["same_decisions"] == pytest.approx(same, abs=1.5 / len(texts))


def test_the_student_answers_early_as_the_whole_network_would(tiny_bundle: Path) -> None:
    student = json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))["metrics"]["student"]
    assert student.keys() == {"he", "ar", "cs", "en"}
    for values in student.values():
        assert values["early"] > 0.1
        assert values["same_decisions"] > 0.9


def test_two_seeds_are_averaged_and_their_spread_is_on_the_card(
    tiny_bundle: Path,
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[tuple[list[Message], int, int, float, float]] = []

    def spy(
        messages: Sequence[Message], copies: int, seed: int, latin_letters: float, own_letters: float
    ) -> Examples:
        learned.append((list(messages), copies, seed, latin_letters, own_letters))
        return pairs_of(messages, copies, seed, latin_letters, own_letters)

    monkeypatch.setattr(pipeline, "pairs_of", spy)
    short = replace(tiny_recipe.teacher, copies=1)
    recipe = replace(
        tiny_recipe, seeds=(1, 2), latin_letters=(0.15, 0.3), own_letters=0.4, exit_margin=0.0, teacher=short
    )
    mean = train(tiny_corpus, recipe, tmp_path / "run").state_dict()
    messages = read_split(tiny_corpus, "train")
    assert learned == [(messages, 1, 1, 0.15, 0.4), (messages, 1, 2, 0.3, 0.4)]
    first, second = (read_teacher(recipe, tmp_path / "run", seed)[0].state_dict() for seed in (1, 2))
    assert not torch.equal(first["outputs.weight"], second["outputs.weight"])
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2)

    bundle = export(tmp_path / "run", tiny_corpus, "two", tmp_path / "bundle")
    seeds = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))["metrics"]["seeds"]
    assert seeds.keys() == {"1", "2"}
    assert seeds["1"] != seeds["2"]
    auc = seeds["2"]["cs"]["complexity"]["auc"]
    card = (bundle / MODEL_CARD).read_text(encoding="utf-8")
    heading = "### Seed by seed"
    assert heading not in (tiny_bundle / MODEL_CARD).read_text(encoding="utf-8")
    _, _, spread = card.partition(heading)
    assert f"({auc:.3f})" in next(line for line in spread.splitlines() if line.startswith("| Czech   | 2 "))


def test_the_released_model_is_a_part_of_the_mean_where_the_recipe_says_so(
    tiny_bundle: Path,
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "released_bundle", lambda: tiny_bundle)
    short = replace(tiny_recipe.teacher, copies=1)
    recipe = replace(tiny_recipe, exit_margin=0.0, released_share=0.25, teacher=short)
    run_folder = tmp_path / "run"
    mean = train(tiny_corpus, recipe, run_folder).state_dict()
    teacher = read_teacher(recipe, run_folder, 1)[0].state_dict()
    released = load_file(run_folder / "released.safetensors")
    assert not torch.allclose(teacher["outputs.weight"], released["outputs.weight"])
    for name, tensor in mean.items():
        other = teacher[name] if name == "language.bias" else released[name]
        torch.testing.assert_close(tensor, 0.75 * teacher[name] + 0.25 * other)

    (run_folder / "released.safetensors").unlink()
    monkeypatch.undo()
    with pytest.raises(RunError, match="was begun when model tiny was released"):
        train(tiny_corpus, recipe, run_folder)
    save_file(released, run_folder / "released.safetensors")

    # What the file holds answers as the bundle, whose channels are in another order.
    alone = replace(recipe, released_share=1.0)
    network, base = read_served(alone, run_folder)
    texts = [message.text for message in read_split(tiny_corpus, "test")]
    expected = run(members(read_network(tiny_bundle)[0])[0], base.tokenizer, texts, 32).outputs
    torch.testing.assert_close(run(network, base.tokenizer, texts, 32).outputs, expected, rtol=0, atol=0.02)

    bundle = export(run_folder, tiny_corpus, "mean", tmp_path / "bundle")
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["averaged_with"] == bundle_identity(tiny_bundle)
    assert "25% of the weights are those of model tiny" in (bundle / MODEL_CARD).read_text(encoding="utf-8")
    assert "averaged_with" not in json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))


def test_every_stage_learns_from_the_train_split_alone(
    tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Message]] = {}

    def spy_on(name: str) -> None:
        original: Callable[..., Any] = getattr(pipeline, name)

        def spy(messages: Sequence[Message], *arguments: Any) -> Any:
            seen[name] = list(messages)
            return original(messages, *arguments)

        monkeypatch.setattr(pipeline, name, spy)

    stages = ("prepare_base", "examples_of", "pairs_of", "variants_of", "glued")
    for name in stages:
        spy_on(name)
    for name in ("fine_tune", "distil"):
        monkeypatch.setattr(pipeline, name, lambda *_: None)
    train(tiny_corpus, tiny_recipe, tmp_path / "run")
    assert seen == dict.fromkeys(stages, read_split(tiny_corpus, "train"))


def _times(run_folder: Path) -> dict[str, int]:
    """Return when each file of weights was written."""
    files = run_folder.rglob("*.safetensors")
    return {str(file.relative_to(run_folder)): file.stat().st_mtime_ns for file in files}


def test_a_finished_run_is_not_trained_again(tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe) -> None:
    before = _times(tiny_run)
    assert {"start.safetensors", "teacher-1.safetensors", "student.safetensors"} <= before.keys()
    train(tiny_corpus, tiny_recipe, tiny_run)
    assert _times(tiny_run) == before


def test_a_run_that_lacks_only_its_student_keeps_its_other_networks(
    tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (copied / "student.safetensors").unlink()
    before = _times(copied)
    train(tiny_corpus, tiny_recipe, copied)
    after = _times(copied)
    for name in ("start.safetensors", "teacher-1.safetensors"):
        assert after[name] == before[name]
    expected, found = (load_file(folder / "student.safetensors") for folder in (tiny_run, copied))
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, expected[name])


def test_a_run_of_another_recipe_is_refused(tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe) -> None:
    with pytest.raises(RunError, match="another recipe"):
        train(tiny_corpus, replace(tiny_recipe, label_weight=0.9), tiny_run)


def test_a_run_of_another_corpus_is_refused(
    tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    write_messages(other / "train" / "en.jsonl", read_messages(other / "train" / "en.jsonl")[1:])
    with pytest.raises(RunError, match="another corpus"):
        train(other, tiny_recipe, tiny_run)


def test_a_run_of_another_normaliser_is_refused(
    tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "NORMALISER_VERSION", NORMALISER_VERSION + 1)
    with pytest.raises(RunError, match="another normaliser"):
        train(tiny_corpus, tiny_recipe, tiny_run)


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (lambda test: {"text": test.text}, "1 texts are in more than one split"),
        (lambda test: {"text": f"\u200f{test.text.upper()}!"}, "1 texts are in more than one split"),
        (lambda test: {"group": test.group}, "the group test-en-8 is in more than one split"),
        (lambda test: {"id": test.id}, "the id test-289 occurs 2 times"),
    ],
    ids=["text", "normalised text", "group", "id"],
)
def test_a_corpus_whose_splits_share_a_message_or_a_group_is_refused(
    shared: Callable[[Message], dict[str, Any]],
    told: str,
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
) -> None:
    leaking = Path(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    test = read_messages(leaking / "test" / "en.jsonl")[0]
    unlike: dict[str, Any] = {"id": "other-id", "group": "other-group", "text": "nothing like it"}
    own = read_messages(leaking / "train" / "en.jsonl")
    leak = replace(test, **{**unlike, **shared(test)})
    write_messages(leaking / "train" / "en.jsonl", [*own, leak])
    with pytest.raises(CorpusError, match=told):
        train(leaking, tiny_recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_exported_with_its_own_corpus_only(
    tiny_run: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    write_messages(changed / "test" / "en.jsonl", read_messages(changed / "test" / "en.jsonl")[1:])
    with pytest.raises(RunError, match="another corpus"):
        export(tiny_run, changed, "x", tmp_path / "bundle")


def test_a_run_is_exported_with_its_own_normaliser_only(
    tiny_run: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    record = json.loads((older / pipeline.RECORD).read_text(encoding="utf-8"))
    record["normaliser"] = NORMALISER_VERSION - 1
    (older / pipeline.RECORD).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(RunError, match=f"version {NORMALISER_VERSION - 1} of the text normaliser"):
        export(older, tiny_corpus, "x", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_folder_that_is_no_bundle_is_never_replaced(
    tiny_run: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(ExportError, match="no bundle"):
        export(tiny_run, tiny_corpus, "x", tmp_path)
    assert (tmp_path / "precious.txt").is_file()


def test_an_unfinished_run_cannot_be_exported(tmp_path: Path, tiny_recipe: Recipe) -> None:
    with pytest.raises(RunError, match=r"student\.safetensors"):
        read_served(tiny_recipe, tmp_path)


def test_answers_do_not_depend_on_the_batch(tiny_run: Path, tiny_recipe: Recipe) -> None:
    model, base = read_served(tiny_recipe, tiny_run)
    texts = ["awful", "where is my parcel awful fraud on it", "a human please", "kde je balík"]
    together = run(model, base.tokenizer, texts, 32).outputs
    alone = torch.cat([run(model, base.tokenizer, [text], 32).outputs for text in texts])
    np.testing.assert_allclose(together.numpy(), alone.numpy(), atol=1e-5)


def test_a_run_that_goes_on_at_another_commit_says_so(
    tiny_run: Path,
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pipeline, "git_commit", lambda: "another")
    monkeypatch.setattr(pipeline, "_console", Console(stderr=True))
    train(tiny_corpus, tiny_recipe, tiny_run)
    assert "goes on at another" in " ".join(capsys.readouterr().err.split())
