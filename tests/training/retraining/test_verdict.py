from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.policy import OUTPUTS
from tests.training.making import make_message
from training.corpus.labels import labels_of
from training.corpus.messages import Message
from training.retraining.findings import judge
from training.retraining.verdict import beside_simple, guessing, verdict

Array = npt.NDArray[Any]


def messages_of(language: str, count: int, **fields: Any) -> list[Message]:
    return [
        make_message(i, language=language, group=None, id=f"{language}-{i}", **fields) for i in range(count)
    ]


def right(messages: list[Message], wrong: Any = ()) -> Array:
    """Return probabilities that are right but for some rows of negative sentiment."""
    probabilities = np.where(labels_of(messages) == 1, 0.9, 0.1)
    rows = list(wrong)
    probabilities[rows, 1] = 1 - probabilities[rows, 1]
    return probabilities


def sentences(messages: list[Message], ours: Array, theirs: Array) -> list[str]:
    return verdict(judge(messages, labels_of(messages), ours, theirs))


def test_the_verdict_names_what_is_better_same_and_too_few() -> None:
    messages = [
        *messages_of("he", 800),
        *messages_of("en", 800),
        *messages_of("cs", 12),
    ]
    said = sentences(messages, right(messages), right(messages, range(0, 160, 2)))
    assert said[0].startswith("Better on Hebrew negative sentiment by 10.0 points (")
    assert "negative sentiment in all languages by " in said[0]
    assert said[1].startswith("No difference, within 5 points, on Hebrew complexity, ")
    assert said[-1] == "12 Czech messages are too few to tell."
    low, high = (float(part) for part in said[0].split("(")[1].split(")")[0].split(" to "))
    assert low < 10 < high


def test_a_worse_model_is_called_worse() -> None:
    messages = messages_of("ar", 600)
    said = sentences(messages, right(messages, range(100)), right(messages))
    assert said[0].startswith("Worse on Arabic negative sentiment by ")
    assert "-" not in said[0]


def test_equal_models_do_not_differ_anywhere() -> None:
    messages = messages_of("en", 200)
    assert sentences(messages, right(messages), right(messages)) == [
        "No difference anywhere: all lie within 5 points."
    ]


def test_a_small_gain_on_few_messages_cannot_be_told() -> None:
    messages = messages_of("en", 64)
    said = sentences(messages, right(messages), right(messages, range(2)))
    assert "Too few messages to tell on English negative sentiment (64 messages, 32 yes)." in said


@pytest.mark.parametrize(
    ("count", "said"), [(40, "40 English messages are too few to tell."), (80, "No diff")]
)
def test_few_messages_answered_alike_do_not_prove_equal_models(count: int, said: str) -> None:
    messages = messages_of("en", count)
    (sentence,) = sentences(messages, right(messages), right(messages))
    assert sentence.startswith(said)


def test_unlabelled_outputs_are_not_spoken_of() -> None:
    messages = messages_of("en", 400, complexity=None)
    findings = judge(messages, labels_of(messages), right(messages), right(messages))
    assert {f.output for f in findings} == {"negative_sentiment", "human_requested"}
    assert verdict(findings) == ["No difference anywhere: all lie within 5 points."]


def test_many_messages_with_hardly_a_yes_are_not_called_few() -> None:
    messages = messages_of("en", 800, complexity=0, negative_sentiment=0, human_requested=0)
    (sentence,) = sentences(messages, right(messages), right(messages))
    assert sentence.startswith("Too few messages to tell on English complexity (800 messages, 0 yes), ")


def labelled(yes: int, no: int, groups: int) -> list[Message]:
    """Return messages of which only complexity is labelled, dealt out to groups in turn."""
    others = {"negative_sentiment": None, "human_requested": None}
    return [
        make_message(i, id=f"m-{i}", complexity=int(i < yes), group=f"g-{i % groups}", **others)
        for i in range(yes + no)
    ]


@pytest.mark.parametrize(
    ("yes", "no", "groups", "kind"),
    [(40, 40, 80, "same"), (6, 594, 600, "unclear"), (40, 40, 20, "unclear"), (400, 400, 200, "same")],
)
def test_equal_answers_prove_no_more_than_their_rarer_label_and_groups(
    yes: int, no: int, groups: int, kind: str
) -> None:
    messages = labelled(yes, no, groups)
    (finding,) = judge(messages, labels_of(messages), right(messages), right(messages))
    assert finding.change is not None
    assert finding.change.low == finding.change.high == 0
    assert finding.kind == kind


def test_intervals_are_those_of_the_labelled_messages_alone() -> None:
    messages = labelled(30, 30, 60)
    more = [make_message(i, id=f"u-{i}", group=f"u-{i}", complexity=None) for i in range(600)]
    more = [replace(m, negative_sentiment=None, human_requested=None) for m in more]
    ours, theirs = right(messages), right(messages)
    theirs[:8, 0] = 1 - theirs[:8, 0]
    guesses = np.full((len(more), 3), 0.5)
    alone = judge(messages, labels_of(messages), ours, theirs)
    among = judge(
        [*messages, *more],
        labels_of([*messages, *more]),
        np.concatenate([ours, guesses]),
        np.concatenate([theirs, guesses]),
    )
    assert among == alone


def test_what_is_called_better_or_worse_has_an_interval_beside_zero() -> None:
    random = np.random.default_rng(1)
    messages = [m for language in ("he", "ar", "cs", "en") for m in messages_of(language, 90)]
    labels = labels_of(messages)
    kinds = set()
    for wrong in (0.1, 0.2, 0.3):
        worse = np.where(random.random(labels.shape) < wrong, 1 - right(messages), right(messages))
        for ours, theirs in ((right(messages), worse), (worse, right(messages))):
            for finding in judge(messages, labels, ours, theirs):
                kinds.add(finding.kind)
                assert finding.change is not None
                assert (finding.kind != "better") or finding.change.low > 0
                assert (finding.kind != "worse") or finding.change.high < 0
    assert {"better", "worse"} <= kinds


def test_equal_models_are_seldom_called_better_or_worse() -> None:
    random = np.random.default_rng(5)
    messages = messages_of("en", 60)
    labels = labels_of(messages)
    found = 0
    for _ in range(40):
        ours, theirs = (
            np.where(random.random(labels.shape) < 0.15, 1 - right(messages), right(messages)) for _ in "ab"
        )
        found += any(f.kind in ("better", "worse") for f in judge(messages, labels, ours, theirs))
    # At 5 % more than 6 of 40 happen in fewer than 0.5 % of all such tests.
    assert found <= 6


def test_guessing_is_named_with_what_to_do() -> None:
    random = np.random.default_rng(2)
    messages = messages_of("en", 400)
    labels, good, chance = labels_of(messages), right(messages), random.random((400, 3))
    ours = good.copy()
    ours[:, 0] = chance[:, 0]
    assert guessing(labels, good, [chance]) == []
    assert guessing(labels, ours, [chance, good]) == [
        "The new model tells complexity no better than chance, others do: do not use it."
    ]
    assert guessing(labels, ours, [chance]) == [
        "No model tells complexity better than chance on these messages: check its labels."
    ]


def test_simple_models_are_spoken_of() -> None:
    messages = messages_of("en", 400)
    labels = labels_of(messages)
    findings = {"TF-IDF": judge(messages, labels, right(messages, range(100)), right(messages))}
    assert beside_simple(findings) == [
        "Beside TF-IDF: better in 0 of 3 comparisons, worse in English negative sentiment."
    ]


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["he", "cs", "en"]), *[st.sampled_from([0, 1, None])] * 3),
        min_size=1,
        max_size=80,
    ),
    st.integers(0, 99),
)
def test_any_labels_get_a_verdict(rows: list[tuple[Any, ...]], seed: int) -> None:
    messages = [
        make_message(i, language=language, **dict(zip(OUTPUTS, labels, strict=True)))
        for i, (language, *labels) in enumerate(rows)
    ]
    random = np.random.default_rng(seed)
    ours, theirs = random.random((2, len(messages), 3))
    findings = judge(messages, labels_of(messages), ours, theirs)
    counts = {(f.language, f.output): f.messages for f in findings if f.language != "all"}
    assert sum(counts.values()) == int((~np.isnan(labels_of(messages))).sum())
    text = " ".join(verdict(findings))
    assert "nan" not in text
    for finding in findings:
        assert (finding.kind == "few") == (finding.change is None)
        if finding.kind == "better":
            assert finding.change is not None
            assert finding.change.value > 0


@pytest.mark.parametrize("language", ["he", "en"])
def test_one_language_alone_has_no_findings_of_all(language: str) -> None:
    messages = messages_of(language, 50)
    findings = judge(messages, labels_of(messages), right(messages), right(messages))
    assert {f.language for f in findings} == {language}
