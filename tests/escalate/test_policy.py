from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate import Decision, Policy, PolicyError, Thresholds
from escalate.policy import ACTIONS, LANGUAGES, Action, Output

probability = st.floats(0, 1)
scores = st.fixed_dictionaries(
    {"complexity": probability, "negative_sentiment": probability, "human_requested": probability}
)
threshold = st.none() | probability
thresholds = st.builds(
    Thresholds, complexity=threshold, negative_sentiment=threshold, human_requested=threshold
)
policies = st.builds(
    Policy,
    offer=thresholds,
    escalate=thresholds,
    languages=st.dictionaries(st.sampled_from(LANGUAGES), st.tuples(thresholds, thresholds)),
    unsupported=st.sampled_from(ACTIONS),
)
POLICY = Policy(offer=Thresholds(0.5, 0.5, 0.3), escalate=Thresholds(0.9, 0.9, 0.6))


def of(complexity: float, negative: float, human: float) -> dict[Output, float]:
    return {"complexity": complexity, "negative_sentiment": negative, "human_requested": human}


@pytest.mark.parametrize(
    ("values", "action", "reasons"),
    [
        ((0.1, 0.1, 0.1), "continue", ()),
        ((0.5, 0.1, 0.1), "offer", ("complexity",)),
        ((0.5, 0.7, 0.3), "offer", ("complexity", "negative_sentiment", "human_requested")),
        ((0.1, 0.1, 0.6), "escalate", ("human_requested",)),
        ((0.9, 0.8, 0.1), "escalate", ("complexity",)),
    ],
)
def test_decisions(values: tuple[float, float, float], action: str, reasons: tuple[str, ...]) -> None:
    decision = POLICY.decide(of(*values), "he")
    assert (decision.action, decision.reasons) == (action, reasons)


def test_text_that_cannot_be_judged() -> None:
    assert POLICY.decide(of(1, 1, 1), "other").reasons == ("unsupported_language",)
    assert POLICY.decide(of(1, 1, 1), "other").action == "offer"
    assert POLICY.decide(of(0, 0, 0), "en", has_words=False).reasons == ("no_words",)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("values", [of(0, 0, 0), of(1, 1, 1)], ids=["low", "high"])
def test_text_that_cannot_be_judged_gets_the_action_set_for_it(
    action: Action, values: dict[Output, float]
) -> None:
    policy = Policy(POLICY.offer, POLICY.escalate, unsupported=action)
    assert policy.decide(values, "en", has_words=False) == Decision(action, ("no_words",))
    assert policy.decide(values, "other") == Decision(action, ("unsupported_language",))


def test_a_truncated_message_is_at_least_offered() -> None:
    assert POLICY.decide(of(0, 0, 0), "en", truncated=True).action == "offer"
    assert POLICY.decide(of(0, 0, 1), "en", truncated=True).action == "escalate"


def test_a_truncated_message_that_cannot_be_judged_is_offered_too() -> None:
    policy = Policy(POLICY.offer, POLICY.escalate, unsupported="continue")
    assert policy.decide(of(0, 0, 0), "other").action == "continue"
    assert policy.decide(of(0, 0, 0), "other", truncated=True).action == "offer"


def test_misspelt_keys_and_parts_that_are_no_thresholds_are_refused() -> None:
    data = POLICY.to_dict()
    with pytest.raises(PolicyError, match="unsuported"):
        Policy.from_dict({**data, "unsuported": "escalate"})
    with pytest.raises(PolicyError, match="escallate"):
        Policy.from_dict({**data, "languages": {"he": {**data, "escallate": {}}}})
    with pytest.raises(PolicyError, match="pair"):
        Policy(POLICY.offer, POLICY.escalate, {"he": POLICY.offer})  # type: ignore[dict-item]


def test_a_language_can_have_its_own_thresholds() -> None:
    strict = Thresholds(0.1, 0.1, 0.1)
    policy = Policy(POLICY.offer, POLICY.escalate, {"cs": (strict, strict)})
    assert policy.decide(of(0.2, 0, 0), "cs").action == "escalate"
    assert policy.decide(of(0.2, 0, 0), "he").action == "continue"


@given(policies, scores)
def test_a_policy_survives_json(policy: Policy, values: dict[Output, float]) -> None:
    again = Policy.from_dict(json.loads(json.dumps(policy.to_dict())))
    assert again == policy
    for language in (*LANGUAGES, "other"):
        assert again.decide(values, language) == policy.decide(values, language)


@given(policies, scores, st.sampled_from(LANGUAGES), st.sampled_from(list(of(0, 0, 0))))
def test_a_higher_probability_never_lowers_the_action(
    policy: Policy, values: dict[Output, float], language: str, output: Output
) -> None:
    higher = {**values, output: 1.0}
    before, after = policy.decide(values, language), policy.decide(higher, language)
    assert ACTIONS.index(after.action) >= ACTIONS.index(before.action)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", True])
def test_thresholds_outside_the_range_are_refused(value: object) -> None:
    with pytest.raises(PolicyError, match="complexity"):
        Thresholds(value, 0.5, 0.5)  # type: ignore[arg-type]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PolicyError, match="xx"):
        Policy(POLICY.offer, POLICY.escalate, {"xx": (POLICY.offer, POLICY.offer)})
    with pytest.raises(PolicyError, match="shrug"):
        Policy(POLICY.offer, POLICY.escalate, unsupported="shrug")  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_policy_file_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY.to_dict()), encoding=encoding)
    assert Policy.from_file(path) == POLICY


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "{}", '{"offer": {}, "escalate": {}}'])
def test_a_file_that_is_no_policy_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"policy\.json"):
        Policy.from_file(path)


def test_a_missing_policy_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="absent"):
        Policy.from_file(tmp_path / "absent.json")
