from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from tests.training.bundles import copy_bundle, turn_czech_complexity
from tests.training.making import make_message
from training.corpus.messages import CORPUS, read_split
from training.errors import CorpusError
from training.evaluation.baselines import BASELINES
from training.release.own_messages import OwnMessages
from training.retraining.comparing import NEW, OLD, Result, compare_on_own
from training.retraining.comparison_text import comparison_table, comparison_text, write_comparison

UNLABELLED = {"complexity": None, "negative_sentiment": None, "human_requested": None}


@pytest.fixture(scope="module")
def result(released: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A model that is the released one but for Czech complexity; human_requested is not labelled."""
    bundle = copy_bundle(released, tmp_path_factory.mktemp("models") / "mine", "mine", turn_czech_complexity)
    every = read_split(CORPUS, "test")
    test = [
        replace(message, human_requested=None, group=None, pair=None)
        for language in ("cs", "en")
        for message in Random(1).sample([m for m in every if m.language == language], 100)
    ]
    others = [make_message(900, language="other"), make_message(901, **UNLABELLED)]
    own = OwnMessages([*test, *others], [], "tickets | of mine", True, ("A note.",))
    return compare_on_own(bundle, own, corpus=tiny_corpus)


def test_only_what_is_labelled_is_compared(result: Result) -> None:
    assert len(result.test.messages) == 200
    assert [(f.language, f.output) for f in result.findings] == [
        (language, output)
        for language in ("cs", "en", "all")
        for output in ("complexity", "negative_sentiment")
    ]
    assert set(result.simple) == set(BASELINES)
    assert set(result.metrics) == {NEW, OLD, *BASELINES}
    assert result.versions[0] == "mine"


def test_only_what_differs_is_told_as_different(result: Result) -> None:
    kinds = {(f.language, f.output): f.kind for f in result.findings}
    assert kinds["cs", "complexity"] == "worse"
    assert {kind for place, kind in kinds.items() if "negative_sentiment" in place} == {"same"}
    assert result.sentences[0].startswith("Worse on Czech complexity by ")
    assert any(sentence.startswith("Beside majority: better in ") for sentence in result.sentences)


def test_a_comparison_is_written_as_text_and_as_numbers(result: Result, tmp_path: Path) -> None:
    path = write_comparison(result, tmp_path / "report")
    text = path.read_text(encoding="utf-8")
    assert text == comparison_text(result)
    assert "200 messages: tickets | of mine." in text
    assert "A note." in text
    assert not re.search(r"\bnan\b", text.lower())
    assert all(sentence in text for sentence in result.sentences)
    numbers = json.loads((tmp_path / "report" / "comparison.json").read_text(encoding="utf-8"))
    assert numbers["verdict"] == list(result.sentences)
    for told, finding in zip(numbers["findings"], result.findings, strict=True):
        assert told["kind"] == finding.kind
        assert finding.change is not None
        assert math.isclose(told["change"]["value"], told["ours"] - told["theirs"], abs_tol=1e-12)


def test_a_table_fits_a_terminal(result: Result) -> None:
    shown = StringIO()
    Console(width=80, file=shown).print(comparison_table(result))
    lines = shown.getvalue().splitlines()
    assert sum("negative sentiment" in line for line in lines) == 3
    assert not any("…" in line.replace(" … ", "") for line in lines)


def test_messages_without_labels_cannot_be_compared_on(released: Path) -> None:
    with pytest.raises(CorpusError, match="no labelled message in tickets"):
        compare_on_own(released, OwnMessages([make_message(0, **UNLABELLED)], [], "tickets", True, ()))
