from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from escalate import Classifier
from escalate.bundle import MANIFEST, MODEL, TOKENIZER, seal, sha256
from escalate.errors import BundleError
from tests.training.bundles import copy_bundle, turn_czech_complexity
from training.__main__ import app
from training.corpus.messages import corpus_hash, read_messages, write_messages
from training.release.gate import publish, try_candidate
from training.release.references import REFERENCES, check_references
from training.release.samples import sample_of_corpus


def release(candidate: Path, corpus: Path, models: Path, *options: str) -> Result:
    arguments = [str(candidate), "--corpus", str(corpus), "--models", str(models), *options]
    return CliRunner().invoke(app, ["release", *arguments])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def same(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate that answers as the tiny bundle does."""
    return copy_bundle(tiny_bundle, tmp_path_factory.mktemp("same") / "candidate", "2.0")


@pytest.fixture(scope="module")
def worse(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate that is worse in one output of one language."""
    folder = tmp_path_factory.mktemp("worse") / "candidate"
    return copy_bundle(tiny_bundle, folder, "2.0", turn_czech_complexity)


@pytest.fixture
def no_released_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise BundleError("the released model is missing")

    monkeypatch.setattr("training.release.gate.released_bundle", missing)


@pytest.fixture(scope="module")
def empty_corpus(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny corpus without a test split."""
    folder = tmp_path_factory.mktemp("empty")
    for path in tiny_corpus.glob("*/*.jsonl"):
        messages = [] if path.parent.name == "test" else read_messages(path)
        write_messages(folder / path.parent.name / path.name, messages)
    return folder


def test_an_equal_candidate_is_released(
    same: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    result = release(same, tiny_corpus, models, "--against", str(tiny_bundle), "--date", "2031-02-03")
    assert result.exit_code == 0, result.output
    assert {path.name for path in models.iterdir()} == {"2.0", "CHANGELOG.md"}
    released = Classifier.load(models / "2.0")
    assert released.version == "2.0"
    assert check_references(released, models / "2.0") == []
    for name in (MODEL, TOKENIZER, "MODEL_CARD.md"):
        assert (models / "2.0" / name).read_bytes() == (same / name).read_bytes()
    changelog = (models / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## 2.0 (2031-02-03)" in changelog
    assert corpus_hash(tiny_corpus) in changelog
    assert "(+0.000)" in changelog
    assert not (same / REFERENCES).exists()


def test_a_worse_candidate_is_refused(
    worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    result = release(worse, tiny_corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    assert list(models.iterdir()) == []
    assert "cs: complexity: " in result.output
    assert "messages got worse" in result.output
    assert "he: complexity: " not in result.output
    first = read_messages(tiny_corpus / "test" / "cs.jsonl")
    named = [message for message in first if message.id + " " in result.output]
    assert named
    assert all(message.text in result.output for message in named)
    assert "--accept-losses" in result.output


def test_a_check_compares_and_writes_nothing(
    same: Path, worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    options = ("--against", str(tiny_bundle), "--check")
    passed = release(same, tiny_corpus, models, *options)
    assert (passed.exit_code, "nothing was released" in passed.output) == (0, True)
    refused = release(worse, tiny_corpus, models, *options)
    assert refused.exit_code == 1
    assert "is worse than" in refused.output
    assert list(models.iterdir()) == []


def test_losses_can_be_accepted_and_are_recorded(
    worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    options = ("--against", str(tiny_bundle), "--accept-losses")
    result = release(worse, tiny_corpus, models, *options)
    assert result.exit_code == 0, result.output
    changelog = (models / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "Losses that were accepted:" in changelog
    assert "- cs: complexity -" in changelog
    assert date.today().isoformat() in changelog


def test_swapped_weights_are_refused(
    tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    import onnx
    from onnx import numpy_helper

    candidate = copy_bundle(tiny_bundle, tmp_path / "candidate", "2.0")
    graph = onnx.load(candidate / MODEL)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if 3 in values.shape and values.dtype.kind == "f":
            turned = values[..., ::-1] if values.shape[-1] == 3 else values[::-1]
            tensor.CopyFrom(numpy_helper.from_array(turned.copy(), tensor.name))
    onnx.save(graph, candidate / MODEL)
    manifest = json.loads((candidate / MANIFEST).read_text(encoding="utf-8"))
    manifest["sha256"][MODEL] = sha256((candidate / MODEL).read_bytes())
    (candidate / MANIFEST).write_text(json.dumps(seal(manifest)), encoding="utf-8")
    result = release(candidate, tiny_corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    for output in ("complexity", "human_requested"):
        assert f"en: {output}: " in result.output


@pytest.mark.usefixtures("no_released_bundle")
def test_without_a_released_bundle_only_the_first_is_released(
    same: Path, tiny_corpus: Path, models: Path
) -> None:
    refused = release(same, tiny_corpus, models)
    assert refused.exit_code == 1
    assert "nothing to compare" in refused.output
    assert "--first" in refused.output
    assert list(models.iterdir()) == []
    result = release(same, tiny_corpus, models, "--first")
    assert result.exit_code == 0, result.output
    assert "Not compared: the released model is missing" in result.output
    changelog = (models / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "Compared with no earlier model" in changelog
    assert "+0.000" not in changelog


def test_first_does_not_hide_losses(worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path) -> None:
    result = release(worse, tiny_corpus, models, "--against", str(tiny_bundle), "--first")
    assert result.exit_code == 1
    assert list(models.iterdir()) == []


def test_an_empty_test_split_compares_nothing(
    same: Path, tiny_bundle: Path, empty_corpus: Path, models: Path
) -> None:
    refused = release(same, empty_corpus, models, "--against", str(tiny_bundle))
    assert refused.exit_code == 1
    assert "is empty" in refused.output
    result = release(same, empty_corpus, models, "--against", str(tiny_bundle), "--first")
    assert result.exit_code == 0, result.output
    assert check_references(Classifier.load(models / "2.0"), models / "2.0") == []


def test_too_few_labelled_messages_compare_nothing(
    same: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus"
    for path in tiny_corpus.glob("*/*.jsonl"):
        count = 3 if path.parent.name == "test" else 50
        write_messages(corpus / path.parent.name / path.name, read_messages(path)[:count])
    result = release(same, corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    assert "too few labelled messages" in result.output
    assert "another corpus" in result.output


def test_a_test_split_without_labels_compares_nothing(
    worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    """The languages of the messages can be compared there, but say nothing of the outputs."""
    corpus = tmp_path / "corpus"
    for path in tiny_corpus.glob("*/*.jsonl"):
        bare = [
            replace(message, complexity=None, negative_sentiment=None, human_requested=None)
            for message in read_messages(path)
        ]
        write_messages(corpus / path.parent.name / path.name, bare)
    trial = try_candidate(worse, sample_of_corpus(worse, corpus), tiny_bundle)
    assert len(trial.sample.messages) > 100
    assert trial.comparison.differences == ()
    result = release(worse, corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    assert "nothing to compare" in result.output
    assert "too few labelled messages" in result.output
    assert list(models.iterdir()) == []


def test_other_outputs_compare_nothing(
    same: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["outputs"][0] = "difficulty"

    released = copy_bundle(tiny_bundle, tmp_path / "released", "1.0", rename)
    result = release(same, tiny_corpus, models, "--against", str(released))
    assert result.exit_code == 1
    assert "difficulty" in result.output
    assert "nothing to compare" in result.output


def test_a_candidate_is_not_compared_with_itself(same: Path, tiny_corpus: Path, models: Path) -> None:
    result = release(same, tiny_corpus, models, "--against", str(same))
    assert result.exit_code == 1
    assert "is the released model itself" in result.output


def test_a_candidate_among_the_models_is_released_in_place(
    tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    candidate = copy_bundle(tiny_bundle, models / "2.0", "2.0")
    result = release(candidate, tiny_corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 0, result.output
    assert check_references(Classifier.load(candidate), candidate) == []
    assert {path.name for path in models.iterdir()} == {"2.0", "CHANGELOG.md"}


def test_a_version_is_released_once_and_the_newest_stands_first(
    same: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    options = ("--against", str(tiny_bundle))
    assert release(same, tiny_corpus, models, *options).exit_code == 0
    before = (models / "CHANGELOG.md").read_bytes()
    again = release(same, tiny_corpus, models, *options)
    assert again.exit_code == 1
    assert "released already" in again.output
    assert (models / "CHANGELOG.md").read_bytes() == before
    newer = copy_bundle(tiny_bundle, tmp_path / "newer", "2.1")
    assert release(newer, tiny_corpus, models, "--against", str(models / "2.0")).exit_code == 0
    changelog = (models / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.startswith("# Models\n")
    assert changelog.index("## 2.1 (") < changelog.index("## 2.0 (")
    assert "the difference to 2.0" in changelog


def test_another_model_under_a_released_version_is_not_overwritten(
    same: Path, worse: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path
) -> None:
    copy_bundle(worse, models / "2.0", "2.0")
    before = (models / "2.0" / MANIFEST).read_bytes()
    result = release(same, tiny_corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    assert (models / "2.0" / MANIFEST).read_bytes() == before


def test_a_release_that_was_cut_short_can_be_repeated(
    same: Path, tiny_bundle: Path, tiny_corpus: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = try_candidate(same, sample_of_corpus(same, tiny_corpus), tiny_bundle)

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    for name in ("write_references", "add_entry"):
        with monkeypatch.context() as patch:
            patch.setattr(f"training.release.gate.{name}", interrupt)
            with pytest.raises(KeyboardInterrupt):
                publish(trial, models, date(2031, 1, 1), first=False, accept_losses=False)
    folder = publish(trial, models, date(2031, 1, 1), first=False, accept_losses=False)
    assert {path.name for path in models.iterdir()} == {"2.0", "CHANGELOG.md"}
    assert check_references(Classifier.load(folder), folder) == []


@pytest.mark.parametrize("version", ["../outside", "", "a b", ".."])
def test_a_version_must_be_a_folder_name(
    version: str, tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    candidate = copy_bundle(tiny_bundle, tmp_path / "candidate", version)
    result = release(candidate, tiny_corpus, models, "--against", str(tiny_bundle))
    assert result.exit_code == 1
    assert "cannot name a folder" in result.output
    assert list(models.iterdir()) == []


def test_a_damaged_candidate_is_an_error(
    tiny_bundle: Path, tiny_corpus: Path, models: Path, tmp_path: Path
) -> None:
    candidate = copy_bundle(tiny_bundle, tmp_path / "candidate", "2.0")
    (candidate / MODEL).write_bytes(b"cut short")
    result = release(candidate, tiny_corpus, models, "--against", str(tiny_bundle), "--first")
    assert result.exit_code == 1
    assert "checksum" in result.output
