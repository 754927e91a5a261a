from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from escalate.policy import ACTIONS, LANGUAGES, OUTPUTS, Action, Policy, Thresholds
from tests.training.making import POLICY, make_answers, make_message
from tests.training.policy.making import SIX_DIGITS, lowest_precise
from training.corpus.messages import Message
from training.errors import AimError
from training.evaluation.answers import Answers
from training.formatting import ALL
from training.policy.aims import Capacity, Costs, Recall
from training.policy.choosing import Wish, check_aim, choose, refuse_few
from training.policy.expectations import actions_of, cross_validated_actions
from training.policy.needs import labelled_outputs, must_reach, needs_of

NAN = np.nan


def random_answers(count: int = 600, languages: tuple[str, ...] = LANGUAGES, seed: int = 3) -> Answers:
    """Answers whose labels follow their probabilities; languages in turn."""
    random = np.random.default_rng(seed)
    probabilities = random.beta(0.5, 1.5, (count, 3))
    labels = (random.random((count, 3)) < probabilities).astype(int)
    messages = [
        make_message(
            i,
            language=languages[i % len(languages)],
            group=f"g-{i // 3}",
            **dict(zip(OUTPUTS, row, strict=True)),
        )
        for i, row in enumerate(labels.tolist())
    ]
    return make_answers(messages, probabilities)


def some_truncated(answers: Answers) -> Answers:
    """Return answers of which every seventh is about a message that was too long to be read whole."""
    predictions = [replace(p, truncated=i % 7 == 0) for i, p in enumerate(answers.predictions)]
    return replace(answers, predictions=predictions)


def wish(aim: Any, *, per_language: bool = False, default: Policy = POLICY) -> Wish:
    return Wish(aim, 0.9, per_language, default)


def handed(policy: Policy, answers: Answers) -> Any:
    return actions_of(policy, answers.predictions) != "continue"


@pytest.mark.parametrize("unsupported", ACTIONS)
def test_need_foretells_what_the_policy_does(unsupported: Action) -> None:
    answers = some_truncated(random_answers(languages=(*LANGUAGES, "other")))
    needs = needs_of(answers, unsupported)
    for threshold in (0.0, 0.2, 0.5, 0.9, 1.0):
        offer = Thresholds(threshold, threshold, min(threshold, 0.5))
        policy = Policy(offer, Thresholds(None, None, None), unsupported=unsupported)
        assert (handed(policy, answers) == (needs.need >= threshold)).all()


def test_texts_nobody_can_judge_follow_the_policy() -> None:
    answers = random_answers(languages=("en", "other"))
    other = np.array([m.language == "other" for m in answers.messages])
    assert (needs_of(answers, "continue").need[other] == -np.inf).all()
    assert (needs_of(answers, "escalate").need[other] == np.inf).all()


def test_only_fully_labelled_messages_are_judged() -> None:
    labels = np.array([[1, 0, 0], [0, 0, 0], [1, NAN, 0], [0, NAN, 0], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(must_reach(labels), [1, 0, NAN, NAN, NAN])


def test_an_output_without_any_label_is_left_out_of_what_must_reach_a_person() -> None:
    labels = np.array([[NAN, 0, 0], [NAN, 1, 0], [NAN, 0, NAN]])
    assert labelled_outputs(labels) == ("negative_sentiment", "human_requested")
    np.testing.assert_array_equal(must_reach(labels), [0, 1, NAN])
    assert np.isnan(must_reach(np.full((2, 3), NAN))).all()


@pytest.mark.parametrize("aim", [Costs(50, 4), Costs(1, 9), Capacity(300, 1000), Recall(0.9)])
@pytest.mark.parametrize("per_language", [False, True])
def test_who_asks_for_a_person_is_always_offered_one(aim: Any, per_language: bool) -> None:
    answers = random_answers()
    policy = choose(answers, wish(aim, per_language=per_language)).policy
    for pair in ((policy.offer, policy.escalate), *policy.languages.values()):
        assert pair[0].human_requested is not None
        assert pair[0].human_requested <= 0.5
    asks = answers.probabilities[:, 2] >= 0.5
    assert handed(policy, answers)[asks].all()


@pytest.mark.parametrize("aim", [Costs(50, 4), Costs(1, 9), Capacity(300, 1000), Recall(0.9)])
def test_escalate_is_the_lowest_threshold_from_offer_on_that_holds_its_precision(aim: Any) -> None:
    answers = random_answers()
    policy = choose(answers, wish(aim)).policy
    for i, output in enumerate(OUTPUTS):
        offer, escalate = getattr(policy.offer, output), getattr(policy.escalate, output)
        level = lowest_precise(answers.probabilities[:, i], answers.labels[:, i], 0.9)
        assert level is not None
        assert escalate >= offer
        assert escalate == pytest.approx(max(level, offer), abs=SIX_DIGITS)
        assert answers.labels[answers.probabilities[:, i] >= escalate, i].mean() >= 0.88


def test_an_output_that_no_threshold_makes_precise_is_never_escalated() -> None:
    answers = random_answers()
    answers.labels[:, 1] = answers.probabilities[:, 1] < 0.2
    escalate = choose(answers, wish(Recall(0.9))).policy.escalate
    assert escalate.negative_sentiment is None
    assert None not in (escalate.complexity, escalate.human_requested)


def test_recall_and_capacity_are_kept_on_the_messages_chosen_from() -> None:
    answers = random_answers()
    must = must_reach(answers.labels) == 1
    for per_language in (False, True):
        policy = choose(answers, wish(Recall(0.9), per_language=per_language)).policy
        assert handed(policy, answers)[must].mean() >= 0.9
        policy = choose(answers, wish(Capacity(300, 1000), per_language=per_language)).policy
        assert handed(policy, answers).mean() <= 0.3


def test_per_language_capacity_leaves_room_for_texts_nobody_can_judge() -> None:
    answers = random_answers(1000, (*LANGUAGES, "other"))
    policy = choose(answers, wish(Capacity(400, 1000), per_language=True)).policy
    assert 0.37 <= handed(policy, answers).mean() <= 0.4


def test_a_language_with_few_messages_gets_the_thresholds_of_all() -> None:
    answers = random_answers(400, ("en",))
    few = random_answers(30, ("cs",), seed=4)
    both = Answers(
        [*answers.messages, *few.messages],
        np.concatenate([answers.labels, few.labels]),
        [*answers.predictions, *few.predictions],
        np.concatenate([answers.probabilities, few.probabilities]),
    )
    choice = choose(both, wish(Recall(0.9), per_language=True))
    assert choice.too_few == ("cs",)
    assert set(choice.policy.languages) == {"en"}
    assert choice.offer("cs") == choice.offers[ALL]


def test_an_output_without_labels_keeps_the_escalate_level_of_the_bundle() -> None:
    answers = random_answers()
    answers.labels[:, 1] = NAN
    policy = choose(answers, wish(Costs(9, 1))).policy
    assert policy.escalate.negative_sentiment == POLICY.escalate.negative_sentiment


def test_too_few_messages_are_refused() -> None:
    messages = [make_message(i, complexity=0, negative_sentiment=0, human_requested=0) for i in range(50)]
    with pytest.raises(AimError, match="mine has 0 fully labelled messages that must reach a person"):
        refuse_few(needs_of(make_answers(messages), "offer"), "mine")


def test_a_capacity_out_of_reach_in_one_language_names_it() -> None:
    answers = random_answers()
    czech = np.array([m.language == "cs" for m in answers.messages])
    answers.probabilities[czech, 2] = 0.9
    with pytest.raises(AimError, match=r"Czech: .* or leave out --per-language"):
        check_aim(needs_of(answers, "offer"), wish(Capacity(450, 1000), per_language=True))


def test_one_group_that_alone_must_reach_a_person_is_judged_by_none() -> None:
    messages = [
        make_message(
            i, complexity=int(i < 30), negative_sentiment=0, human_requested=0, group=f"g{max(0, i - 30)}"
        )
        for i in range(100)
    ]
    probabilities = np.stack([np.linspace(0.9, 0.1, 100), *np.zeros((2, 100))], axis=1)
    outside = cross_validated_actions(make_answers(messages, probabilities), wish(Recall(0.9)))
    assert (outside[:30] == "continue").all()


def test_cross_validation_judges_no_message_by_itself() -> None:
    """With one message a group, a message that alone decides the threshold is not reached by its own."""
    needs = np.linspace(0.05, 0.95, 200)
    probabilities = np.stack([needs, np.zeros(200), np.zeros(200)], axis=1)
    messages: list[Message] = [
        make_message(i, complexity=int(i >= 100), negative_sentiment=0, human_requested=0, group=f"g{i}")
        for i in range(200)
    ]
    answers = make_answers(messages, probabilities)
    aim = wish(Recall(1.0))
    inside = handed(choose(answers, aim).policy, answers)
    outside = cross_validated_actions(answers, aim) != "continue"
    assert inside[100]
    assert not outside[100]


def test_messages_of_a_group_are_left_out_together() -> None:
    probabilities = np.repeat(np.linspace(0.05, 0.95, 50), 4)
    messages = [
        make_message(i, complexity=int(i >= 100), negative_sentiment=0, human_requested=0, group=f"g{i // 4}")
        for i in range(200)
    ]
    answers = make_answers(messages, np.stack([probabilities, *np.zeros((2, 200))], axis=1))
    outside = cross_validated_actions(answers, wish(Recall(1.0))) != "continue"
    assert not outside[100:104].any()
    assert outside[104:].all()
