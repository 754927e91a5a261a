from __future__ import annotations

import numpy as np
import pytest

from escalate.policy import OUTPUTS
from tests.training.making import make_answers, make_message
from training.formatting import ALL
from training.policy.aims import Costs
from training.policy.expectations import CHOSEN, DEFAULT, expect


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


def test_intervals_draw_the_groups_there_are() -> None:
    messages = [make_message(i, group=f"g-{i // 2}") for i in range(1200)]
    result = expect(make_answers(messages), {CHOSEN: np.full(1200, "offer", dtype=object)}, None)[ALL]
    assert result["groups"] == 600
