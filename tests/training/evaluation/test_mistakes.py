from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.training.making import make_answers, make_message
from training.corpus.messages import Message
from training.evaluation.answers import Answers
from training.evaluation.mistakes import EXAMPLES, mistakes
from training.evaluation.mistakes_text import LONGEST_QUOTATION, mistakes_text


def answered(messages: Sequence[Message], **wrong: Mapping[int, float]) -> Answers:
    """Return right answers, but for the given probabilities by output and row."""
    answers = make_answers(messages)
    for column, output in enumerate(("complexity", "negative_sentiment", "human_requested")):
        for row, probability in wrong.get(output, {}).items():
            answers.probabilities[row, column] = probability
    return answers


def numbered(count: int, **fields: Any) -> list[Message]:
    return [make_message(i, **fields) for i in range(count)]


def complexity(answers: Answers) -> dict[str, Any]:
    found: dict[str, Any] = mistakes(answers)["en"]["outputs"]["complexity"]
    return found


def text_of(answers: Answers, texts: Mapping[str, str]) -> str:
    return "\n\n".join(mistakes_text(mistakes(answers), texts))


def cells_of(markdown: str) -> list[str]:
    """Return what a reader of GitHub-flavoured Markdown sees in the cells of its tables."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [
        "".join(t.content for t in cell.children or []) for cell in parser.parse(markdown) if cell.children
    ]


def test_missed_and_false_alarms_are_counted_at_the_threshold_of_macro_f1() -> None:
    # Messages of an odd number are complex.
    found = complexity(answered(numbered(20), complexity={1: 0.49, 3: 0.5, 5: 0.05, 0: 0.5, 2: 0.49}))
    assert (found["positives"], found["negatives"]) == (10, 10)
    assert (found["missed"], found["false_alarms"]) == (2, 1)
    assert found["near"] == pytest.approx(2 / 3)


def test_without_a_mistake_there_is_no_share_of_them() -> None:
    answers = make_answers(numbered(20))
    found = complexity(answers)
    assert (found["missed"], found["false_alarms"], found["near"], found["examples"]) == (0, 0, None, [])
    assert "None." in text_of(answers, {})


def test_examples_are_the_most_confident_of_each_kind_whatever_the_order() -> None:
    wrong = {1: 0.2, 3: 0.01, 5: 0.1, 7: 0.1, 0: 0.6, 2: 0.99}
    found = complexity(answered(numbered(20), complexity=wrong))
    assert [example["id"] for example in found["examples"]] == ["m-3", "m-5", "m-7", "m-2", "m-0"]
    assert found["examples"][0] == {"id": "m-3", "channel": None, "label": 1, "probability": 0.01}
    backwards = [make_message(i) for i in reversed(range(20))]
    turned = complexity(answered(backwards, complexity={19 - row: p for row, p in wrong.items()}))
    assert turned == found


def test_unlabelled_messages_and_other_languages_count_nowhere() -> None:
    none = dict.fromkeys(("complexity", "negative_sentiment", "human_requested"))
    messages = [*numbered(8, complexity=None), *(make_message(i, language="other", **none) for i in range(4))]
    found = mistakes(make_answers(messages))
    assert list(found) == ["en"]
    assert list(found["en"]["outputs"]) == ["negative_sentiment", "human_requested"]
    assert mistakes(make_answers(messages[8:])) == {}


def test_a_channel_is_named_only_where_mistakes_plainly_gather() -> None:
    messages = [make_message(i, channel="review" if i < 40 else "chat") for i in range(200)]
    gathered = complexity(answered(messages, complexity=dict.fromkeys(range(0, 20, 2), 0.9)))["gathered"]
    assert gathered == [{"dimension": "channel", "value": "review", "mistakes": 1.0, "messages": 0.2}]
    spread = complexity(answered(messages, complexity=dict.fromkeys(range(0, 200, 20), 0.9)))["gathered"]
    assert spread == []


def pair(number: int, output: str = "complexity") -> list[Message]:
    labels = {"complexity": 0, "negative_sentiment": 0, "human_requested": 0}
    return [
        make_message(2 * number + label, pair=f"p-{number}", **{**labels, output: label}) for label in (0, 1)
    ]


def test_contrast_pairs_by_how_many_are_right() -> None:
    messages = [*pair(0), *pair(1), *pair(2), *pair(3, "human_requested"), make_message(9, pair="single")]
    found = mistakes(answered(messages, complexity={2: 0.6, 3: 0.9, 4: 0.8, 5: 0.1}))["en"]
    assert found["outputs"]["complexity"]["pairs"] == {"both": 1, "one": 1, "none": 1}
    assert found["outputs"]["human_requested"]["pairs"] == {"both": 1, "one": 0, "none": 0}
    assert found["outputs"]["negative_sentiment"]["pairs"] == {"both": 0, "one": 0, "none": 0}
    (same,) = found["same_answer"]
    assert same["output"] == "complexity"
    assert [(m["id"], m["label"], m["probability"]) for m in same["messages"]] == [
        ("m-3", 1, 0.9),
        ("m-2", 0, 0.6),
    ]


def test_of_pairs_with_one_answer_the_closest_are_listed() -> None:
    messages = [message for number in range(5) for message in pair(number)]
    both = {row: p for i in range(5) for row, p in ((2 * i, 0.6), (2 * i + 1, 0.95 - 0.05 * i))}
    same = mistakes(answered(messages, complexity=both))["en"]["same_answer"]
    assert [found["messages"][0]["id"] for found in same] == ["m-9", "m-7", "m-5"]
    assert len(same) == EXAMPLES


def test_numbers_are_json_and_hold_no_text() -> None:
    answers = answered([*pair(0), *numbered(30, text="a secret of mine")], complexity={0: 0.9, 5: 0.1})
    assert "secret" not in json.dumps(mistakes(answers), allow_nan=False)


def test_texts_are_shown_only_where_they_are_given() -> None:
    messages = [make_message(1, text="a secret"), make_message(3, text="a public word"), make_message(0)]
    text = text_of(answered(messages, complexity={0: 0.1, 1: 0.2}), {"m-3": "a public word"})
    assert "| complexity | missed | 0.100 | 1 |  | m-1 |" in text
    assert "| complexity | missed | 0.200 | 1 |  | \u2068a public word\u2069 |" in text
    assert "secret" not in text


def test_long_messages_are_cut_at_a_space() -> None:
    text = " ".join(["seven77"] * 30)
    shown = text_of(answered([make_message(1)], complexity={0: 0.1}), {"m-1": text})
    assert f"\u2068{' '.join(['seven77'] * 15)} …\u2069" in shown


MISSED = mistakes(answered([make_message(1)], complexity={0: 0.1}))


@given(
    st.text(min_size=1) | st.text(alphabet="ab |\\`*_[]<>&~$\n\x00\u202e\u2069א", min_size=1, max_size=200)
)
def test_any_text_stays_in_its_cell_as_it_is(text: str) -> None:
    shown = "\n\n".join(mistakes_text(MISSED, {"m-1": text}))
    cell = cells_of(shown)[-1]
    assert (cell[0], cell[-1]) == ("\u2068", "\u2069")
    inner = cell[1:-1].removesuffix(" …")
    visible = (c for c in " ".join(text.split()) if unicodedata.category(c) != "Cf")
    expected = "".join(c if c.isprintable() else "\ufffd" for c in visible).strip()
    assert len(inner) <= LONGEST_QUOTATION
    assert (
        expected.startswith(inner.strip()) if len(expected) > LONGEST_QUOTATION else inner.strip() == expected
    )
