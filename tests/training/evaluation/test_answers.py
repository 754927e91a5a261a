from __future__ import annotations

import numpy as np
import pytest

from tests.training.making import make_answers, make_message
from training.evaluation.answers import hand_off_curve, operation, policy_points


def test_right_answers_hand_over_those_that_need_it_first() -> None:
    messages = [make_message(i) for i in range(80)]
    answers = make_answers(messages)
    must = operation(answers)["en"]["must_reach_a_person"]
    curve = hand_off_curve(answers)["en"]
    assert curve[0] == {"hand_offs": 0.0, "recall": 0.0}
    assert curve[-1] == {"hand_offs": 1.0, "recall": 1.0}
    assert all(p["recall"] == pytest.approx(min(1, p["hand_offs"] / must)) for p in curve)


def test_the_border_in_service_is_that_of_counting_by_hand() -> None:
    must = (5, 8, 10, 11, 12, 14, 15, 16, 18, 19)
    messages = [
        make_message(i, complexity=int(i in must), negative_sentiment=0, human_requested=0) for i in range(20)
    ]
    probabilities = np.zeros((20, 3))
    probabilities[:, 0] = np.arange(20) / 20
    assert operation(make_answers(messages, probabilities)) == {
        "en": {
            "must_reach_a_person": 0.5,
            # 95 % of ten are all ten: the bot keeps the five below the least of them.
            "left_to_bot": 0.25,
            # The four highest, of which 17 need not.
            "recall_at_hand_offs": 0.3,
        }
    }


def test_any_output_brings_a_message_to_a_person_and_half_labelled_ones_do_not_count() -> None:
    labels = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (1, 1, None)]
    messages = [
        make_message(i, complexity=row[0], negative_sentiment=row[1], human_requested=row[2])
        for i, row in enumerate(labels)
    ]
    probabilities = np.array([[0.9, 0, 0], [0, 0.8, 0], [0, 0, 0.1], [0, 0.3, 0.2], [0, 0, 0]])
    found = operation(make_answers(messages, probabilities))["en"]
    assert found["must_reach_a_person"] == 0.75
    assert found["left_to_bot"] == 0
    assert found["recall_at_hand_offs"] == pytest.approx(1 / 3)


def test_the_curve_never_falls() -> None:
    random = np.random.default_rng(5)
    messages = [make_message(i) for i in range(150)]
    curve = hand_off_curve(make_answers(messages, random.random((150, 3))))["en"]
    for name in ("hand_offs", "recall"):
        assert (np.diff([point[name] for point in curve]) >= 0).all()


def test_what_the_policy_hands_over() -> None:
    messages = [make_message(i, complexity=1) for i in range(10)]
    probabilities = np.zeros((10, 3))
    probabilities[:5, 0], probabilities[5:8, 0] = 0.9, 0.5
    points = policy_points(make_answers(messages, probabilities))["en"]
    assert points["escalate"] == {"hand_offs": 0.5, "recall": 0.5}
    assert points["offer"] == {"hand_offs": 0.8, "recall": 0.8}


def test_unlabelled_languages_have_no_figures() -> None:
    messages = [make_message(i, human_requested=None) for i in range(10)]
    answers = make_answers(messages)
    assert operation(answers) == {}
    assert hand_off_curve(answers) == {}
    assert policy_points(answers) == {}
