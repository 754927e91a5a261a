"""Simple models that every number stands beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from escalate.policy import LANGUAGES, OUTPUTS, Output
from escalate.text import normalise
from training.corpus.labels import labels_of
from training.corpus.messages import Message

Array = npt.NDArray[Any]

FEW: Final = 50
"""Of fewer messages the TF-IDF model uses also what occurs once."""

MOST_LEARNED: Final = 20_000
"""Of more own messages a random part is learned: n-grams of all would not fit into memory."""

Baseline = Callable[[Sequence[Message], Sequence[Message]], Array]
"""Takes train and test messages; returns probabilities of the test messages, shape (messages, 3)."""

_KEYWORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "complexity": {
        "he": "הונאה, חריג, פיצוי, סתירה, משפטי, נפטר, פרצה, תביעה, חסום, בתנאי, מקרה מיוחד",
        "ar": "احتيال, استثناء, تعويض, قانوني, توفي, اختراق, محظور, بشرط, حالة خاصة",
        "cs": "podvod, výjimk, odškodn, právn, zemřel, únik, zablokovan, podmínk, zvláštní",
        "en": "fraud, exception, compensation, legal, died, breach, blocked, condition, special, dispute",
    },
    "negative_sentiment": {
        "he": "נמאס, בושה, גרוע, מאכזב, חוצפה, זוועה, כועס, נורא, מתוסכל, עצבני",
        "ar": "سيء, فضيحة, زفت, مستاء, غاضب, للأسف, أسوأ, تعبت, خيبة, حرام",
        "cs": "hrůza, ostuda, zklam, otřes, naštv, příšern, špatn, bohužel, katastrof, nikdy",
        "en": "terrible, awful, worst, angry, disappointed, ridiculous, unacceptable, fed up, a joke, shame",
    },
    "human_requested": {
        "he": "נציג, אנושי, מנהל, תתקשרו, בן אדם, אחראי",
        "ar": "موظف, مسؤول, إنسان, مدير, اتصلوا, بشري",
        "cs": "operátor, člověk, živ, vedouc, zavolejte, kolegu",
        "en": "agent, human, person, manager, representative, call me, supervisor",
    },
}
"""Words, parts of words and phrases by output and language, looked for anywhere in a text."""


def majority(train: Sequence[Message], test: Sequence[Message]) -> Array:
    """Answer with the share of positive labels in the train split."""
    rates = [_share(column) for column in labels_of(train).T]
    return np.tile(rates, (len(test), 1))


def length_only(train: Sequence[Message], test: Sequence[Message]) -> Array:
    """Answer from the number of words and characters alone, by logistic regression."""

    def features(messages: Sequence[Message]) -> Array:
        return np.log1p([[len(m.text.split()), len(m.text)] for m in messages])

    return _regress(features(train), features(test), train)


def keywords(train: Sequence[Message], test: Sequence[Message]) -> Array:
    """Answer yes where a message holds a word or phrase of a short list for its language."""
    answers = np.zeros((len(test), len(OUTPUTS)))
    for row, message in enumerate(test):
        text = normalise(message.text)
        for column, output in enumerate(OUTPUTS):
            answers[row, column] = any(phrase in text for phrase in _phrases(output, message.language))
    return answers


@cache
def _phrases(output: Output, language: str) -> list[str]:
    listed = _KEYWORDS[output].get(language)
    return [normalise(phrase) for phrase in listed.split(", ")] if listed else []


def tfidf(train: Sequence[Message], test: Sequence[Message]) -> Array:
    """Answer by logistic regression on TF-IDF of words and of 2 to 5 characters, one for a language.

    Where a language has labels of one kind only, or none, their share is the answer.
    """
    answers = np.zeros((len(test), len(OUTPUTS)))
    for language in LANGUAGES:
        own = [m for m in train if m.language == language]
        rows = [row for row, m in enumerate(test) if m.language == language]
        if not rows:
            continue
        labels = labels_of(own)
        for column in range(len(OUTPUTS)):
            known = [i for i in range(len(own)) if not np.isnan(labels[i, column])]
            if len(set(labels[known, column])) < 2:
                answers[rows, column] = _share(labels[:, column])
                continue
            # Of a handful of messages no n-gram may be left that occurs twice.
            rarest = 2 if len(known) >= FEW else 1
            model = make_pipeline(
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=rarest, sublinear_tf=True),
                LogisticRegression(C=10, max_iter=1000, class_weight="balanced"),
            )
            model.fit([normalise(own[i].text) for i in known], labels[known, column])
            texts = [normalise(test[row].text) for row in rows]
            answers[rows, column] = model.predict_proba(texts)[:, 1]
    return answers


def _share(labels: Array) -> float:
    """Return the share of positive labels, 0.5 where none is known."""
    known = labels[~np.isnan(labels)]
    return float(known.mean()) if len(known) else 0.5


def _regress(features: Array, test_features: Array, train: Sequence[Message]) -> Array:
    labels = labels_of(train)
    answers = np.zeros((len(test_features), len(OUTPUTS)))
    for column in range(len(OUTPUTS)):
        known = ~np.isnan(labels[:, column])
        if len(set(labels[known, column])) < 2:
            answers[:, column] = _share(labels[:, column])
            continue
        regression = LogisticRegression(max_iter=2000)
        regression.fit(features[known], labels[known, column])
        answers[:, column] = regression.predict_proba(test_features)[:, 1]
    return answers


BASELINES: Final[Mapping[str, Baseline]] = {
    "majority": majority,
    "length only": length_only,
    "keyword list": keywords,
    "TF-IDF + logistic regression": tfidf,
}
"""Baselines that need the texts only."""
