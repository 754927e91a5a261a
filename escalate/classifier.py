"""The classifier: one message in, one prediction out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

from escalate.bundle import Bundle, load_bundle
from escalate.errors import BundleError, StoppedError
from escalate.model import Model, start_session
from escalate.policy import LANGUAGES, Decision, Output, Policy
from escalate.prediction import Prediction
from escalate.text import has_words
from escalate.tokens import WindowTokenizer

_CHUNK: Final = 64
_CHUNK_CHARACTERS: Final = 20_000
_CHUNKS_AHEAD: Final = 2
# Normalising a text holds up all threads of Python. The model reads a tenth of so many characters, and of a
# text that shrinks so much in the normaliser the rest is noise.
_MOST_CHARACTERS: Final = 200_000


class Classifier:
    """Answers with one model and one policy. Safe to share between threads and to fork."""

    def __init__(self, bundle: Bundle, policy: Policy | None = None, threads: int = 1) -> None:
        """Build from a verified bundle; most callers want ``Classifier.load``.

        Args:
            bundle: What ``escalate.bundle.load_bundle`` returns.
            policy: The policy to decide by, or None for the one of the bundle.
            threads: Threads of one call inside ONNX Runtime.

        Raises:
            BundleError: The model or the tokenizer of the bundle cannot be used.
            ValueError: ``threads`` is below 1.
        """
        self.policy = bundle.policy if policy is None else policy
        # Not the bundle itself, whose bytes would stay in memory beside the session made of them.
        self._version, self._manifest, self._normalise = bundle.version, bundle.manifest, bundle.normalise
        self._calibration, self._base_rates = bundle.calibration, bundle.base_rates
        # The session first: the tokenizer then takes up memory that loading the session has freed.
        session = start_session(bundle.model, threads)
        try:
            tokenizer = WindowTokenizer(bundle.tokenizer, bundle.window, bundle.overlap)
        except ValueError as error:
            raise BundleError(f"model {bundle.version}: {error}; copy the bundle again") from error
        self._model = Model(session, tokenizer, bundle.transliteration)

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        threads: int = 1,
        policy: Policy | str | Path | None = None,
    ) -> Classifier:
        """Load a model from disk; nothing is ever fetched from a network.

        Args:
            model: Folder of a bundle written by training, or None for the released model.
            threads: Threads of one call inside ONNX Runtime. One is best for single messages.
            policy: A policy or the path of a policy file, or None for the one of the bundle.

        Raises:
            BundleError: The bundle is missing, incomplete, altered or of another version.
            PolicyError: The policy file is not a policy.
            ValueError: ``threads`` is below 1.
        """
        if policy is not None and not isinstance(policy, Policy):
            policy = Policy.from_file(policy)
        return cls(load_bundle(model), policy, threads)

    @property
    def version(self) -> str:
        """Version of the model."""
        return self._version

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of the bundle: what the model is, how it was made, what it measured."""
        return self._manifest

    def normalise(self, text: str) -> str:
        """Return what the model reads of a message; messages that are equal here get equal answers."""
        return self._normalise(text)

    def predict(self, text: str) -> Prediction:
        """Answer for one message. Any string gets an answer.

        Args:
            text: The message as the customer wrote it; no preparation is needed.

        Raises:
            TypeError: ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        shortened = _shorten(text)
        cut = len(shortened) < len(text)
        normalised = self.normalise(shortened)
        if not has_words(normalised):
            return self._unsupported("other", has_words=False, truncated=cut)
        reading = self._model.read(normalised)
        language, truncated = reading.language, reading.truncated or cut
        if language not in LANGUAGES:
            return self._unsupported(language, has_words=True, truncated=truncated)
        probabilities = self._calibration.probabilities(reading.output_logits, language)
        decision = self.policy.decide(probabilities, language, truncated=truncated)
        return self._prediction(probabilities, language, decision, supported=True, truncated=truncated)

    def _unsupported(self, language: str, *, has_words: bool, truncated: bool) -> Prediction:
        """Return the answer to a text the model cannot judge: base rates, and the policy's action."""
        rates = self._base_rates
        decision = self.policy.decide(rates, language, has_words=has_words, truncated=truncated)
        return self._prediction(rates, language, decision, supported=False, truncated=truncated)

    def _prediction(
        self,
        probabilities: Mapping[Output, float],
        language: str,
        decision: Decision,
        *,
        supported: bool,
        truncated: bool,
    ) -> Prediction:
        return Prediction(
            complexity=probabilities["complexity"],
            negative_sentiment=probabilities["negative_sentiment"],
            human_requested=probabilities["human_requested"],
            language=language,
            supported=supported,
            truncated=truncated,
            action=decision.action,
            reasons=decision.reasons,
            model=self._version,
        )

    def predict_many(
        self, texts: Iterable[str], workers: int = 1, stopped: Event | None = None
    ) -> Iterator[Prediction]:
        """Answer for many messages, lazily and in their order; each answer equals ``predict``'s.

        Texts are taken from ``texts`` as the answers are asked for, so memory stays flat however
        many there are. Several workers read up to 128 texts each ahead, fewer if they are long, and
        those texts come before the first answer. When a text or ``texts`` itself
        raises, the answers before it come first.

        Args:
            texts: Messages; a single string is refused.
            workers: Threads that score side by side.
            stopped: Once another thread sets it, no further text is scored.

        Raises:
            StoppedError: ``stopped`` was set.
            TypeError: ``texts`` is a string, or one of them is not a string (the error names its
                position when its turn comes).
            ValueError: ``workers`` is below 1.
        """
        if isinstance(texts, str | bytes):
            raise TypeError("texts must be an iterable of strings; use predict for one text")
        if workers < 1:
            raise ValueError(f"workers is {workers}; it must be 1 or more")
        if stopped is None:
            stopped = Event()
        numbered = _until_stopped(enumerate(texts), stopped)
        if workers == 1:
            return map(self._predict_numbered, numbered)
        return self._predict_parallel(numbered, workers, stopped)

    def _predict_parallel(
        self, numbered: Iterator[tuple[int, str]], workers: int, stopped: Event
    ) -> Iterator[Prediction]:
        pending: deque[Future[tuple[list[Prediction], Exception | None]]] = deque()
        ended = Event()

        def is_wanted() -> bool:
            return not (ended.is_set() or stopped.is_set())

        with ThreadPoolExecutor(workers, thread_name_prefix="escalate") as pool:
            try:
                for chunk, source_error in _chunks(numbered):
                    pending.append(pool.submit(self._predict_chunk, chunk, source_error, is_wanted))
                    if len(pending) >= _CHUNKS_AHEAD * workers:
                        yield from _answers(pending.popleft())
                while pending:
                    yield from _answers(pending.popleft())
            finally:
                # The pool waits for chunks that were begun, and each of them may take long.
                ended.set()
                for future in pending:
                    future.cancel()

    def _predict_chunk(
        self,
        chunk: list[tuple[int, str]],
        source_error: Exception | None,
        is_wanted: Callable[[], bool],
    ) -> tuple[list[Prediction], Exception | None]:
        """Answer for a chunk up to its first error, and return that error, or the one of the source."""
        answers: list[Prediction] = []
        for item in chunk:
            if not is_wanted():
                return answers, StoppedError()
            try:
                answers.append(self._predict_numbered(item))
            except Exception as error:
                return answers, error
        return answers, source_error

    def _predict_numbered(self, item: tuple[int, str]) -> Prediction:
        position, text = item
        if not isinstance(text, str):
            raise TypeError(f"texts[{position}] must be a string, not {type(text).__name__}")
        return self.predict(text)


def _shorten(text: str) -> str:
    """Leave out the middle of a text of which the model would read the beginning and the end alone."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    half = _MOST_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"


def _until_stopped(numbered: Iterable[tuple[int, str]], stopped: Event) -> Iterator[tuple[int, str]]:
    for item in numbered:
        if stopped.is_set():
            raise StoppedError
        yield item


def _chunks(
    numbered: Iterator[tuple[int, str]],
) -> Iterator[tuple[list[tuple[int, str]], Exception | None]]:
    """Yield the texts in chunks; the last comes with the error that ended the source, if one did."""
    while True:
        chunk: list[tuple[int, str]] = []
        characters = 0
        try:
            for position, text in numbered:
                chunk.append((position, text))
                characters += len(text) if isinstance(text, str) else 0
                if len(chunk) == _CHUNK or characters >= _CHUNK_CHARACTERS:
                    break
        except Exception as error:
            yield chunk, error
            return
        if not chunk:
            return
        yield chunk, None


def _answers(future: Future[tuple[list[Prediction], Exception | None]]) -> Iterator[Prediction]:
    answers, error = future.result()
    yield from answers
    if error is not None:
        raise error


class _Released:
    """The released model, loaded once however many threads ask for it first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._classifier: Classifier | None = None
        if hasattr(os, "register_at_fork"):
            # The thread that holds the lock may not live on in the child.
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = Lock()

    def classifier(self) -> Classifier:
        with self._lock:
            if self._classifier is None:
                self._classifier = Classifier.load()
            return self._classifier


_released: Final = _Released()


def predict(text: str) -> Prediction:
    """Answer for one message with the released model, which is loaded at the first call.

    Raises:
        TypeError: ``text`` is not a string.
        BundleError: The installed model is missing or damaged.
    """
    return _released.classifier().predict(text)
