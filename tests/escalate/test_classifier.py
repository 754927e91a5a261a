from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import escalate
from escalate import Classifier, Policy, Prediction, Thresholds, predict
from escalate.bundle import load_bundle
from escalate.policy import LANGUAGES, OUTPUTS

MESSAGES = {
    "he": "כבר שלוש פעמים ביטלתם לי את התור! אני רוצה לדבר עם נציג",
    "ar": "للمرة الثالثة تلغون موعدي، أريد التحدث مع موظف",
    "cs": "Už potřetí jste mi zrušili termín! Chci mluvit s člověkem",
    "en": "You cancelled my appointment three times! I want to talk to a person",
}
ODD = {
    "empty": "",
    "spaces": " \t\n\u00a0 ",
    "emoji": "👍🎉😡",
    "nul": "\x00\x00 where is my order \x00",
    "lone surrogates": "where \ud800 is \udfff it",
    "bidi overrides": "\u202e\u202d\u2066 hello \u2069\u202c",
    "zero-width flood": "\u200b" * 50_000 + "hello",
    "other scripts": "привет 你好 สวัสดี ሰላም",
    "html": "<script>alert('x')</script><b>hello</b> &amp;",
    "base64": "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQ=" * 20,
    "repeated": "a" * 10_000,
    "repeated words": "help " * 10_000,
    "special pieces": "</s><s><pad><unk><mask>",
    "digits": "0123456789" * 30,
    "combining flood": "e" + "\u0301" * 5_000,
    "alternating marks": "a" + "\u0301\u0323" * 500_000,
}


def close(first: Prediction, second: Prediction) -> bool:
    """Tell whether two answers are equal, probabilities to 1e-6."""
    one, other = first.to_dict(), second.to_dict()
    near = all(abs(one.pop(output) - other.pop(output)) <= 1e-6 for output in OUTPUTS)
    return near and one == other


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_clear_case_in_each_language(language: str) -> None:
    prediction = predict(MESSAGES[language])
    assert prediction.language == language
    assert prediction.supported
    assert prediction.action == "escalate"
    assert prediction.human_requested > 0.5
    assert "human_requested" in prediction.reasons


@pytest.mark.parametrize("name", ODD)
def test_odd_strings_get_an_answer(classifier: Classifier, name: str) -> None:
    prediction = classifier.predict(ODD[name])
    assert all(0 <= getattr(prediction, output) <= 1 for output in OUTPUTS)
    json.dumps(prediction.to_dict(), allow_nan=False)


@settings(max_examples=60)
@given(st.text(st.characters(), max_size=300))
def test_any_string_gets_an_answer(text: str) -> None:
    prediction = predict(text)
    assert prediction.action in ("continue", "offer", "escalate")
    assert bool(prediction.reasons) == (prediction.action != "continue") or not prediction.supported


@pytest.mark.parametrize("text", ["", "  ", "👍", "12345", "?!"])
def test_text_without_words_is_not_judged(classifier: Classifier, text: str) -> None:
    prediction = classifier.predict(text)
    assert not prediction.supported
    assert prediction.reasons == ("no_words",)
    assert prediction.complexity == classifier.manifest["base_rates"]["complexity"]


@pytest.mark.parametrize("value", [None, b"hello", 3, 1.5, ["hello"]])
def test_what_is_no_string_is_a_type_error(classifier: Classifier, value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        classifier.predict(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=rf"texts\[1\].*{type(value).__name__}"):
        list(classifier.predict_many(["fine", value]))  # type: ignore[list-item]


def test_a_megabyte_is_answered_and_says_that_it_was_not_read_whole(classifier: Classifier) -> None:
    prediction = classifier.predict("where is my parcel and when does it arrive " * 25_000)
    assert prediction.truncated
    assert prediction.action != "continue"


def test_a_long_message_is_read_to_its_end(classifier: Classifier) -> None:
    filler = "Yesterday we walked along the river and it was a calm and pleasant day. " * 60
    request = "I want to speak to a human agent now."
    for text in (request + " " + filler, filler + request, filler + request + " " + filler):
        prediction = classifier.predict(text)
        assert not prediction.truncated
        assert prediction.human_requested > 0.5
    assert classifier.predict(filler).human_requested < 0.5


def test_answers_are_the_same_alone_in_any_batch_and_order(classifier: Classifier) -> None:
    texts = [*MESSAGES.values(), *ODD.values(), "hi", "what time do you open on sunday?"]
    alone = [classifier.predict(text) for text in texts]
    assert list(classifier.predict_many(texts)) == alone
    shuffled = list(range(len(texts)))
    random.Random(3).shuffle(shuffled)
    for workers in (1, 3):
        answers = classifier.predict_many([texts[i] for i in shuffled], workers=workers)
        assert all(close(answer, alone[i]) for answer, i in zip(answers, shuffled, strict=True))


def test_predict_many_takes_texts_as_answers_are_asked_for(classifier: Classifier) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"message {taken}"

    answers = classifier.predict_many(endless(), workers=2)
    for _ in range(10):
        next(answers)
    assert taken < 1000


def test_answers_before_an_error_come_first(classifier: Classifier) -> None:
    def broken() -> Iterator[str]:
        for i in range(200):
            yield f"message {i}"
        raise OSError("the source broke")

    for workers in (1, 2):
        for source, error in (([*["hello"] * 100, 7], TypeError), (broken(), OSError)):
            answers = classifier.predict_many(source, workers=workers)  # type: ignore[arg-type]
            received: list[Prediction] = []
            with pytest.raises(error):
                received.extend(iter(answers))
            assert len(received) == (100 if error is TypeError else 200)


def test_predict_many_refuses_one_string_and_no_workers(classifier: Classifier) -> None:
    with pytest.raises(TypeError, match="iterable of strings"):
        classifier.predict_many("hello")
    with pytest.raises(ValueError, match="workers"):
        classifier.predict_many(["hello"], workers=0)
    with pytest.raises(ValueError, match="threads"):
        Classifier.load(threads=0)


def test_eight_threads_share_a_classifier(classifier: Classifier) -> None:
    texts = list(MESSAGES.values()) * 8
    expected = [classifier.predict(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(classifier.predict, texts)) == expected


def test_threads_that_come_at_once_load_the_released_model_once() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import escalate, escalate.classifier as module\n"
        "load, loaded = module.load_bundle, []\n"
        "module.load_bundle = lambda model: loaded.append(model) or load(model)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    answers = set(pool.map(escalate.predict, ['hello'] * 8))\n"
        "print(len(answers), len(loaded))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["1", "1"]


def test_a_classifier_does_not_keep_the_bytes_of_its_model() -> None:
    bundle = load_bundle()
    before = sys.getrefcount(bundle.model)
    classifier = Classifier(bundle)
    after = sys.getrefcount(bundle.model)
    assert after == before
    assert classifier.predict("hello").model == bundle.version


def _answer(text: str) -> Prediction:
    return predict(text)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_worker_answers_alike() -> None:
    expected = [predict(text) for text in MESSAGES.values()]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_answer, MESSAGES.values()).get(120) == expected


def test_a_policy_can_be_chosen(tmp_path: Path) -> None:
    never = Policy(Thresholds(None, None, None), Thresholds(None, None, None), unsupported="continue")
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(never.to_dict()), encoding="utf-8")
    for policy in (never, path, str(path)):
        assert Classifier.load(policy=policy).predict(MESSAGES["en"]).action == "continue"


def test_a_prediction_is_frozen_data(classifier: Classifier) -> None:
    prediction = classifier.predict("hello")
    with pytest.raises(FrozenInstanceError):
        prediction.action = "continue"  # type: ignore[misc]
    assert json.loads(json.dumps(prediction.to_dict()))["model"] == classifier.version


def test_importing_escalate_is_light() -> None:
    code = (
        "import sys, escalate; "
        "heavy = {'torch', 'transformers', 'pyarrow', 'pandas', 'sklearn', 'datasets', 'typer', 'onnx', "
        "'onnxruntime.tools', 'onnxruntime.quantization', 'huggingface_hub'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_the_docstring_example_holds() -> None:
    assert escalate.predict("How do I reset my password?").action == "continue"
