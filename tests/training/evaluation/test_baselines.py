from __future__ import annotations

import numpy as np
import pytest

from tests.training.making import make_message
from training.corpus.messages import Message
from training.evaluation.answers import evaluate_baselines
from training.evaluation.baselines import BASELINES


def messages(count: int, **fields: object) -> list[Message]:
    texts = ("where is my parcel", "this is awful", "a human please", "awful awful parcel")
    return [make_message(i, text=f"{texts[i % 4]} {i}", **fields) for i in range(count)]


PARTIAL = [
    *messages(12, complexity=None, negative_sentiment=1),
    *messages(3, language="cs", human_requested=None),
    *messages(2, language="he", complexity=None, negative_sentiment=None, human_requested=None),
]


@pytest.mark.parametrize("name", BASELINES)
def test_partial_and_one_sided_labels_get_answers_in_range(name: str) -> None:
    test = [
        *messages(8),
        *messages(4, language="cs"),
        *messages(2, language="ar"),
        *messages(2, language="he"),
    ]
    answers = BASELINES[name](PARTIAL, test)
    assert answers.shape == (len(test), 3)
    assert ((answers >= 0) & (answers <= 1)).all()


def test_a_keyword_phrase_counts_only_as_a_whole() -> None:
    texts = ("some time at home", "please call me at home", "CALL ME")
    test = [make_message(i, text=text) for i, text in enumerate(texts)]
    answers = BASELINES["keyword list"]([], test)
    assert answers[:, 2].tolist() == [0, 1, 1]
    assert answers[:, 1].tolist() == [0, 0, 0]


def test_labels_of_one_kind_answer_with_their_share() -> None:
    answers = BASELINES["TF-IDF + logistic regression"](PARTIAL, messages(8))
    np.testing.assert_allclose(answers[:, 0], 0.5)
    np.testing.assert_allclose(answers[:, 1], 1.0)
    assert len(set(answers[:, 2])) > 1


def test_baselines_of_partial_labels_are_measured() -> None:
    measured = evaluate_baselines(PARTIAL, messages(40))
    assert "complexity" in measured["TF-IDF + logistic regression"]["en"]
