from __future__ import annotations

import numpy as np
import pytest

from escalate.policy import OUTPUTS
from tests.training.making import make_answers, make_message
from training.drawing import ALL
from training.evaluation.resampling import Resampling, accuracy, outcomes
from training.policy.aims import Costs
from training.policy.blocks import MOST, in_blocks
from training.policy.expectations import CHOSEN, DEFAULT, expect

RANDOM = np.random.default_rng(2)


def test_expectations_are_counts_of_what_happens() -> None:
    must = np.array([1, 1, 1, 0, 0, 0, 0, 0, 1, 0])
    messages = [
        make_message(i, **dict.fromkeys(OUTPUTS, label), group=None, language="en" if i < 8 else "he")
        for i, label in enumerate(must.tolist())
    ]
    chosen = np.array(["escalate", "offer", "continue", "offer", *["continue"] * 6], dtype=object)
    actions = {CHOSEN: chosen, DEFAULT: np.full(10, "offer", dtype=object)}
    result = expect(make_answers(messages), actions, Costs(50, 4))
    values = {name: estimate["value"] for name, estimate in result[ALL]["policies"][CHOSEN].items()}
    assert values == pytest.approx(
        {
            "hand_offs": 0.3,
            "escalated": 0.1,
            "missed": 0.2,
            "needless": 0.1,
            "recall": 0.5,
            "cost": 50 * 0.2 + 4 * 0.1,
        }
    )
    savings = {name: estimate["value"] for name, estimate in result[ALL]["savings"][DEFAULT].items()}
    assert savings == pytest.approx({"hand_offs": 0.7, "missed": -0.2, "cost": 4 * 0.6 - 10.4})
    assert result["he"]["must"] == 1
    assert result["he"]["policies"][CHOSEN]["recall"]["value"] == 0
    assert "cs" not in result


def test_unlabelled_messages_count_among_hand_offs_only() -> None:
    messages = [make_message(i, complexity=None if i < 5 else 1, group=None) for i in range(10)]
    actions = {CHOSEN: np.array(["offer"] * 5 + ["continue"] * 5, dtype=object)}
    result = expect(make_answers(messages), actions, None)[ALL]
    assert (result["messages"], result["judged"], result["must"]) == (10, 5, 5)
    assert result["policies"][CHOSEN]["hand_offs"]["value"] == 0.5
    assert result["policies"][CHOSEN]["missed"]["value"] == 1
    assert result["policies"][CHOSEN]["needless"]["value"] == 0


def test_joining_many_messages_into_blocks_keeps_the_interval() -> None:
    messages = [make_message(i, group=None) for i in range(4000)]
    found = outcomes(RANDOM.random(4000) < 0.8, np.ones(4000))
    joined = in_blocks(messages)
    assert len({message.group for message in joined}) == MOST
    estimate = Resampling(joined).estimate(accuracy, found)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * np.sqrt(0.16 / 4000), rel=0.15)


def test_few_groups_stay_as_they_are() -> None:
    messages = [make_message(i) for i in range(100)]
    assert in_blocks(messages) == messages
