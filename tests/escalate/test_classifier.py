from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import escalate
from escalate import Classifier, Policy, Prediction, StoppedError, Thresholds, predict
from escalate.bundle import load_bundle
from escalate.classifier import _CHUNK, _released
from escalate.model import MAX_WINDOWS, Model
from escalate.policy import LANGUAGES, OUTPUTS
from escalate.tokens import Ids

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
FILLER = "Yesterday we walked along the river and it was a calm and pleasant day. "
REQUEST = "I want to speak to a human agent now. "
OFF = Thresholds(None, None, None)
NEVER = Policy(OFF, OFF, unsupported="continue")

needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")


@pytest.fixture
def echoing(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """A classifier that answers at once, with the text where the version of the model should be."""
    answer = classifier.predict("hello")
    monkeypatch.setattr(Classifier, "predict", lambda self, text: replace(answer, model=text))
    return classifier


@pytest.fixture
def windows_read(monkeypatch: pytest.MonkeyPatch) -> list[Ids]:
    """What the model is run on from now on."""
    windows: list[Ids] = []
    run = Model.run

    def run_and_note(self: Model, window: Ids) -> object:
        windows.append(window)
        return run(self, window)

    monkeypatch.setattr(Model, "run", run_and_note)
    return windows


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
    assert bool(prediction.reasons) == (prediction.action != "continue")
    assert prediction.supported == (prediction.language != "other")


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


def test_of_a_huge_message_that_shrinks_when_normalised_the_middle_is_left_out() -> None:
    classifier = Classifier.load()
    prediction = classifier.predict(REQUEST + "\u200b" * 300_000)
    assert prediction.truncated
    assert prediction.human_requested > 0.5


def test_a_long_message_is_read_to_its_end(classifier: Classifier) -> None:
    filler = FILLER * 60
    for text in (REQUEST + filler, filler + REQUEST, filler + REQUEST + filler):
        prediction = classifier.predict(text)
        assert not prediction.truncated
        assert prediction.human_requested > 0.5
    assert classifier.predict(filler).human_requested < 0.5


@pytest.mark.parametrize(
    "text",
    [REQUEST + FILLER * 300, FILLER * 300 + REQUEST, REQUEST + FILLER * 5_000, FILLER * 5_000 + REQUEST],
    ids=["first of 300", "last of 300", "first of 5,000", "last of 5,000"],
)
def test_of_a_longer_message_the_beginning_and_the_end_are_read(
    text: str, classifier: Classifier, windows_read: list[Ids]
) -> None:
    prediction = classifier.predict(text)
    assert prediction.truncated
    assert prediction.human_requested > 0.5
    assert len(windows_read) == MAX_WINDOWS


def test_of_a_longer_message_the_middle_is_not_read(classifier: Classifier, windows_read: list[Ids]) -> None:
    prediction = classifier.predict(FILLER * 300 + REQUEST + FILLER * 300)
    assert prediction.truncated
    assert prediction.human_requested < 0.5
    assert len(windows_read) == MAX_WINDOWS


def test_a_message_not_read_whole_is_offered_a_person_although_the_policy_says_never() -> None:
    classifier = Classifier.load(policy=NEVER)
    for text, reasons in (
        (FILLER * 300, ("truncated",)),
        ("где моя посылка и когда она приедет " * 1_000, ("unsupported_language", "truncated")),
    ):
        prediction = classifier.predict(text)
        assert prediction.truncated
        assert (prediction.action, prediction.reasons) == ("offer", reasons)
    assert classifier.predict(REQUEST).action == "continue"


def test_answers_are_the_same_alone_in_any_batch_and_order(classifier: Classifier) -> None:
    texts = [*MESSAGES.values(), *ODD.values(), "hi", "what time do you open on sunday?"]
    alone = [classifier.predict(text) for text in texts]
    assert list(classifier.predict_many(texts)) == alone
    shuffled = list(range(len(texts)))
    random.Random(3).shuffle(shuffled)
    for workers in (1, 3):
        answers = classifier.predict_many([texts[i] for i in shuffled], workers=workers)
        assert all(close(answer, alone[i]) for answer, i in zip(answers, shuffled, strict=True))


def test_answers_keep_their_order_although_later_texts_are_answered_first(
    echoing: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, second_chunk_ended = Classifier.predict, Event()

    def predict_in_step(self: Classifier, text: str) -> Prediction:
        if text == f"{_CHUNK - 1}":
            assert second_chunk_ended.wait(60)
        elif text == f"{2 * _CHUNK}":  # the first of the third
            second_chunk_ended.set()
        return answer(self, text)

    monkeypatch.setattr(Classifier, "predict", predict_in_step)
    texts = [f"{i}" for i in range(300)]
    assert [prediction.model for prediction in echoing.predict_many(texts, workers=2)] == texts


def test_nobody_waits_for_answers_that_are_not_wanted(
    echoing: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    waited_for = Event()
    answer, shutdown = Classifier.predict, ThreadPoolExecutor.shutdown

    def predict_in_step(self: Classifier, text: str) -> Prediction:
        asked.append(text)
        if int(text) >= _CHUNK:
            assert waited_for.wait(60)
        return answer(self, text)

    def wait_for(self: ThreadPoolExecutor, **options: Any) -> None:
        waited_for.set()
        shutdown(self, **options)

    monkeypatch.setattr(Classifier, "predict", predict_in_step)
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", wait_for)
    answers = echoing.predict_many(map(str, range(300)), workers=2)
    assert next(answers).model == "0"
    assert isinstance(answers, Generator)
    answers.close()
    # The first chunk, and the text that each worker was at.
    assert _CHUNK <= len(asked) <= _CHUNK + 2


@pytest.mark.parametrize("workers", [1, 2])
def test_answers_end_where_they_are_stopped(workers: int, echoing: Classifier) -> None:
    texts = [f"message {i}" for i in range(1_000)]
    stopped = Event()
    answers = echoing.predict_many(texts, workers, stopped)
    received = [next(answers) for _ in range(10)]
    stopped.set()
    with pytest.raises(StoppedError):
        received.extend(iter(answers))
    assert [prediction.model for prediction in received] == texts[: len(received)]
    assert len(received) < len(texts)


def test_a_few_long_texts_keep_every_worker_busy(
    echoing: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, both = Classifier.predict, Barrier(2)

    def predict_together(self: Classifier, text: str) -> Prediction:
        both.wait(60)
        return answer(self, text)

    monkeypatch.setattr(Classifier, "predict", predict_together)
    texts = [f"{i} {FILLER * 300}" for i in range(4)]
    assert [prediction.model for prediction in echoing.predict_many(texts, workers=2)] == texts


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (2, 256), (3, 384)])
def test_predict_many_takes_texts_as_answers_are_asked_for(
    workers: int, ahead: int, echoing: Classifier
) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"message {taken}"

    answers = echoing.predict_many(endless(), workers)
    assert taken == 0
    for asked in range(1, 400):
        assert next(answers).model == f"message {asked}"
        assert asked <= taken < asked + ahead


def test_answers_before_an_error_come_first(classifier: Classifier) -> None:
    def broken() -> Iterator[str]:
        for i in range(200):
            yield f"message {i}"
        raise OSError("the source broke")

    for workers in (1, 2):
        for source, error, cause in (
            ([*["hello"] * 100, 7], TypeError, r"texts\[100\] must be a string, not int"),
            (broken(), OSError, "the source broke"),
        ):
            answers = classifier.predict_many(source, workers=workers)  # type: ignore[arg-type]
            received: list[Prediction] = []
            with pytest.raises(error, match=cause):
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


@needs_fork
def test_a_forked_worker_answers_alike() -> None:
    expected = [predict(text) for text in MESSAGES.values()]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(_answer, MESSAGES.values()).get(120) == expected


@needs_fork
def test_a_worker_forked_while_the_model_is_loaded_loads_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = predict(MESSAGES["en"])
    monkeypatch.setattr(_released, "_classifier", None)
    with _released._lock, multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_answer, (MESSAGES["en"],)).get(60) == expected


def test_a_policy_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(NEVER.to_dict()), encoding="utf-8")
    for policy in (NEVER, path, str(path)):
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
