"""The released model gives its reference answers through every entry point."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from escalate import Classifier, predict
from escalate.version import RELEASED_MODEL
from training.bundle.model_card import model_card
from training.corpus.messages import corpus_hash
from training.release.references import check_references, read_references

ROOT = Path(__file__).resolve().parent.parent


def test_predict_gives_the_reference_answers(released: Path, classifier: Classifier) -> None:
    assert check_references(classifier, released) == []


def test_predict_and_predict_many_agree_on_the_references(released: Path, classifier: Classifier) -> None:
    texts = [text for text, _ in read_references(released)]
    assert len(texts) >= 40
    expected = [predict(text) for text in texts]
    for workers in (1, 2):
        assert list(classifier.predict_many(texts, workers=workers)) == expected


def test_the_command_line_gives_the_same_answers(released: Path) -> None:
    texts = [text for text, _ in read_references(released) if text and "\ud800" not in text]
    finished = subprocess.run(
        [sys.executable, "-m", "escalate", "predict", "--json", "--", *texts],
        capture_output=True,
        check=True,
    )
    answers = [json.loads(line) for line in finished.stdout.decode("utf-8").split("\n") if line]
    assert answers == [{"text": text, **predict(text).to_dict()} for text in texts]


def test_one_version_is_named_everywhere(classifier: Classifier) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("manifest.json", "MODEL_CARD.md", "reference.jsonl", *classifier.manifest["sha256"]):
        assert f'"models/{RELEASED_MODEL}/{name}" = "escalate/bundle/{name}"' in project
    assert classifier.version == RELEASED_MODEL
    assert [path.name for path in (ROOT / "models").iterdir() if path.is_dir()] == [RELEASED_MODEL]


@pytest.mark.parametrize("document", ["README.md", "training/MISTAKES.md"])
def test_links_lead_to_the_released_model(document: str) -> None:
    linked = re.findall(r"\bmodels/([0-9][^/]*)/", (ROOT / document).read_text(encoding="utf-8"))
    assert set(linked) == {RELEASED_MODEL}


def test_the_model_card_is_generated_from_the_manifest(released: Path, classifier: Classifier) -> None:
    card = (released / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card == model_card(classifier.manifest)


def test_the_model_was_trained_on_the_corpus_of_its_commit(classifier: Classifier, tmp_path: Path) -> None:
    """The corpus may grow after a release; the one that made the model is in the history."""
    command = ["git", "archive", "--format=tar", classifier.manifest["commit"], "data"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("needs the history of a whole git checkout")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(tmp_path)
    assert classifier.manifest["data"]["sha256"] == corpus_hash(tmp_path / "data")
