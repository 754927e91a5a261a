from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from escalate import Classifier
from escalate.errors import BundleError
from escalate.policy import LANGUAGES
from tests.training.bundles import copy_bundle, turn_czech_complexity
from tests.training.making import POLICY, make_answers, make_message
from training.corpus.messages import read_split
from training.evaluation.answers import answer
from training.release.references import (
    ODD_TEXTS,
    REFERENCES,
    TOLERANCE,
    check_references,
    read_references,
    reference_texts,
    write_references,
)


@pytest.fixture(scope="module")
def tiny_classifier(tiny_bundle: Path) -> Classifier:
    return Classifier.load(tiny_bundle)


@pytest.fixture(scope="module")
def referenced(
    tiny_classifier: Classifier,
    tiny_bundle: Path,
    tiny_corpus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A copy of the tiny bundle with references."""
    folder = copy_bundle(tiny_bundle, tmp_path_factory.mktemp("referenced") / "tiny", "tiny")
    answers = answer(tiny_classifier, read_split(tiny_corpus, "test"))
    write_references(tiny_classifier, reference_texts(answers, tiny_classifier.policy), folder)
    return folder


def test_the_nearest_on_both_sides_of_a_threshold_are_taken() -> None:
    values = [0.1, 0.25, 0.29, 0.2995, 0.3005, 0.32, 0.5, 0.65, 0.69, 0.72, 0.9]
    messages = [make_message(i, text=f"text number {i} {'x' * 20}") for i in range(len(values))]
    messages += [make_message(20, text="tiny"), make_message(21, text="long " * 30)]
    probabilities = np.full((len(messages), 3), 0.5)
    probabilities[: len(values), 0] = values
    texts = reference_texts(make_answers(messages, probabilities), POLICY)
    assert texts[:2] == [messages[values.index(value)].text for value in (0.32, 0.29)]
    # The first message stands for the other outputs, which are alike for all.
    nearest = {messages[values.index(value)].text for value in (0.1, 0.32, 0.29, 0.72, 0.69)}
    assert {*texts} - {*ODD_TEXTS} == {*nearest, "tiny", "long " * 30}


@pytest.mark.parametrize(("language", "text"), [("he", "eifo hamishloach"), ("ar", "wen talabi")])
def test_messages_in_latin_letters_are_among_them(language: str, text: str) -> None:
    latin = [make_message(i, language=language, text=f"{text} {'a' * i}") for i in range(20)]
    native = [make_message(20 + i, language=language, text=f"איפה وين {i}") for i in range(20)]
    answers = make_answers([*native, *latin], np.full((40, 3), 0.9))
    texts = reference_texts(answers, POLICY)
    assert len({message.text for message in latin} & set(texts)) >= 8


def test_the_thresholds_of_the_language_count() -> None:
    from dataclasses import replace

    from escalate.policy import Thresholds

    own = (Thresholds(0.8, None, None), Thresholds(None, None, None))
    policy = replace(POLICY, languages={"cs": own})
    values = [0.2, 0.4, 0.75, 0.85, 0.95]
    messages = [make_message(i, language="cs", text=f"zpráva {i}") for i in range(5)]
    probabilities = np.tile(np.array(values)[:, None], 3)
    texts = reference_texts(make_answers(messages, probabilities), policy)
    assert texts[:2] == ["zpráva 3", "zpráva 2"]


def test_every_language_and_odd_texts_are_there(referenced: Path) -> None:
    references = read_references(referenced)
    languages = {expected["language"] for _, expected in references}
    assert languages == {*LANGUAGES, "other"}
    assert {"", "😡😡😡", "\ud800"} <= {text for text, _ in references}
    assert 20 <= len(references) <= 80
    assert len({text for text, _ in references}) == len(references)


def test_references_round_trip(tiny_classifier: Classifier, referenced: Path) -> None:
    assert check_references(tiny_classifier, referenced) == []


def test_references_are_utf8_with_a_text_a_line(referenced: Path) -> None:
    lines = (referenced / REFERENCES).read_bytes().decode("utf-8").splitlines()
    assert all(json.loads(line).keys() == {"text", "expected"} for line in lines)
    assert any("\u0590" < character < "\u05ff" for line in lines for character in line)


def test_another_model_is_noticed(tiny_bundle: Path, referenced: Path, tmp_path: Path) -> None:
    other = copy_bundle(tiny_bundle, tmp_path / "other", "tiny", turn_czech_complexity)
    differences = check_references(Classifier.load(other), referenced)
    assert differences
    assert all(REFERENCES in difference and "expected" in difference for difference in differences)
    assert any("action" in difference for difference in differences)


def test_small_differences_of_probabilities_are_allowed(
    tiny_classifier: Classifier, referenced: Path, tmp_path: Path
) -> None:
    for distance, differs in ((0.9 * TOLERANCE, False), (2 * TOLERANCE, True)):
        lines = []
        for text, expected in read_references(referenced):
            lines.append(
                json.dumps(
                    {"text": text, "expected": {**expected, "complexity": expected["complexity"] + distance}}
                )
            )
        (tmp_path / REFERENCES).write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert bool(check_references(tiny_classifier, tmp_path)) is differs


def test_missing_references_are_an_error(tiny_classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"reference\.jsonl"):
        check_references(tiny_classifier, tmp_path)


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "a"}', '{"text": "a", "expected": 1}'])
def test_a_damaged_row_is_named(line: str, tmp_path: Path) -> None:
    good = '{"text": "a", "expected": {}}'
    (tmp_path / REFERENCES).write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(BundleError, match="row 2"):
        read_references(tmp_path)
