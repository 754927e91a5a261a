from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from escalate import Classifier
from escalate.bundle import MANIFEST
from training.bundle.bundling import MODEL_CARD
from training.bundle.export import export
from training.corpus.messages import (
    corpus_hash,
    read_messages,
    read_split,
    write_messages,
)
from training.errors import CorpusError, ExportError, RunError
from training.evaluation.answers import answer, evaluate
from training.fitting import pipeline
from training.fitting.fine_tuning import run
from training.fitting.pipeline import read_served, read_teacher, train
from training.fitting.recipe import Recipe


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
    assert set(manifest["sha256"]) == {"model.onnx", "tokenizer.json"}


def test_three_forms_of_the_network_agree(tiny_bundle: Path) -> None:
    parity = json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))["metrics"]["parity"]
    for values in parity.values():
        assert values["torch_difference"] < 1e-4
        assert values["same_decisions"] > 0.95
        assert values["difference_p99"] < 0.1


def test_the_student_answers_early_as_the_whole_network_would(tiny_bundle: Path) -> None:
    student = json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))["metrics"]["student"]
    assert student.keys() == {"he", "ar", "cs", "en"}
    for values in student.values():
        assert values["early"] > 0.1
        assert values["same_decisions"] > 0.9


def test_two_seeds_are_averaged_and_their_spread_is_on_the_card(
    tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    short = replace(tiny_recipe.teacher, copies=1)
    recipe = replace(tiny_recipe, seeds=(1, 2), latin_letters=(0.15, 0.3), exit_margin=0.0, teacher=short)
    mean = train(tiny_corpus, recipe, tmp_path / "run").state_dict()
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


def test_a_finished_run_is_not_trained_again(tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe) -> None:
    before = (tiny_run / "student.safetensors").stat().st_mtime_ns
    train(tiny_corpus, tiny_recipe, tiny_run)
    assert (tiny_run / "student.safetensors").stat().st_mtime_ns == before


def test_a_run_of_another_recipe_is_refused(tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe) -> None:
    with pytest.raises(RunError, match="another recipe"):
        train(tiny_corpus, replace(tiny_recipe, label_weight=0.9), tiny_run)


def test_a_corpus_whose_splits_share_texts_is_refused(
    tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    leaking = Path(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    shared = replace(read_messages(leaking / "test" / "en.jsonl")[0], id="other-id", group="other-group")
    own = read_messages(leaking / "train" / "en.jsonl")
    write_messages(leaking / "train" / "en.jsonl", [*own, shared])
    with pytest.raises(CorpusError, match="1 texts are in more than one split"):
        train(leaking, tiny_recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_exported_with_its_own_corpus_only(
    tiny_run: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    write_messages(changed / "test" / "en.jsonl", read_messages(changed / "test" / "en.jsonl")[1:])
    with pytest.raises(RunError, match="another corpus"):
        export(tiny_run, changed, "x", tmp_path / "bundle")


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
