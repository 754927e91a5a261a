"""How far messages of today are from others: languages, lengths, words, and whether they can be told apart.

None of it says that answers are worse: that only verdicts do. It says where to look, and whether
verdicts on older messages still speak for today's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp, norm
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer

from escalate.bundle import LANGUAGE_CLASSES, Bundle
from escalate.policy import LANGUAGES, OUTPUTS
from escalate.text import normalise
from training.corpus.messages import Message
from training.corpus.statistics import words
from training.evaluation.resampling import CONFIDENCE, SEED
from training.feedback.verdicts import Verdicts

Array = npt.NDArray[Any]

FEWEST_TEXTS: Final = 50
"""Different texts of a language on both sides that telling them apart needs."""

_MOST_TEXTS: Final = 1000
_FOLDS: Final = 5
_UNKNOWN: Final = "<unk>"


def compare_texts(
    recent: Sequence[Message], others: Sequence[Message], bundle: Bundle, seed: int = SEED
) -> dict[str, Any]:
    """Return how recent messages differ from others, as JSON-ready data.

    Args:
        recent: Recent messages.
        others: What they are compared with: the training messages, or earlier ones.
        bundle: Its normaliser and tokenizer say what the model reads.
        seed: Seed of samples and folds.

    Returns:
        ``messages`` and, recent ones first in each pair: ``languages``, the share of each;
        ``stability``, the population stability index of those; ``words``, the median; ``words_distance``,
        the Kolmogorov-Smirnov distance of the numbers of words (0..1); ``unknown``, the share of pieces
        the model has no vector for; ``pieces``, pieces per word; and ``told_apart``, by language, the
        area under the ROC curve (0 to 1) of a model that tells the two apart, with its interval.
    """
    both = (recent, others)
    lengths = [np.array([words(message.text) for message in messages]) for messages in both]
    tokenizer = Tokenizer.from_str(bundle.tokenizer)
    pieces = [_pieces([bundle.normalise(m.text) for m in messages], tokenizer) for messages in both]
    shares = [_language_shares(messages) for messages in both]
    return {
        "messages": [len(messages) for messages in both],
        "languages": {
            language: [float(own[place]) for own in shares] for place, language in enumerate(LANGUAGE_CLASSES)
        },
        "stability": stability_index(*shares),
        "words": [float(np.median(own)) for own in lengths],
        "words_distance": float(ks_2samp(*lengths).statistic),
        "unknown": [unknown for unknown, _ in pieces],
        "pieces": [per_word for _, per_word in pieces],
        "told_apart": {
            language: told_apart(_texts(recent, language, seed), _texts(others, language, seed), seed)
            for language in LANGUAGES
        },
    }


def compare_scores(recent: Verdicts, earlier: Verdicts) -> dict[str, float | None]:
    """Return the Kolmogorov-Smirnov distance (0..1) of each output's probabilities, recent and earlier.

    Source: S. Rabanser et al., "Failing loudly: an empirical study of methods for detecting dataset
    shift", 2019 (black box shift detection).
    """
    result: dict[str, float | None] = {}
    for i, output in enumerate(OUTPUTS):
        pair = [own.probabilities[:, i] for own in (recent, earlier)]
        known = [values[~np.isnan(values)] for values in pair]
        enough = min(map(len, known)) >= FEWEST_TEXTS
        result[output] = float(ks_2samp(*known).statistic) if enough else None
    return result


def stability_index(shares: Array, others: Array) -> float:
    """Return the population stability index of two distributions: 0 for equal ones.

    Above 0.25 it is by custom called a large change, below 0.1 none; that is a convention, not a test.
    Source: N. Siddiqi, "Credit risk scorecards", 2006. Empty classes count as one in ten thousand.
    """
    a, b = (np.maximum(values, 1e-4) for values in (shares, others))
    return float(((a - b) * np.log(a / b)).sum())


def told_apart(recent: Sequence[str], others: Sequence[str], seed: int = SEED) -> dict[str, float] | None:
    """Return how well a model tells two sets of texts apart, None with fewer than FEWEST_TEXTS in one.

    Cross-validated area under the ROC curve of logistic regression on TF-IDF of 2 to 4 characters.
    Source: D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample tests", 2017; of the interval:
    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a ROC curve", 1982.

    Args:
        recent: Texts, each once.
        others: The same.
        seed: Seed of the folds.
    """
    if min(len(recent), len(others)) < FEWEST_TEXTS:
        return None
    labels = np.repeat([1, 0], [len(recent), len(others)])
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, solver="liblinear", class_weight="balanced"),
    )
    # A text that is in both sets would betray itself from the other fold.
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    texts = [*recent, *others]
    scores = cross_val_predict(model, texts, labels, groups=texts, cv=folds, method="decision_function")
    area = float(roc_auc_score(labels, scores))
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * _standard_error(area, len(recent), len(others))
    return {"value": area, "low": max(0.0, area - reach), "high": min(1.0, area + reach)}


def _standard_error(area: float, positive: int, negative: int) -> float:
    """Return the standard error of an area under the ROC curve by Hanley and McNeil's formula."""
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (positive - 1) * (first - area**2) + (negative - 1) * (second - area**2)
    ) / (positive * negative)
    return float(np.sqrt(max(0.0, variance)))


def _texts(messages: Sequence[Message], language: str, seed: int) -> list[str]:
    """Return different texts of a language, at most _MOST_TEXTS of them, drawn at random."""
    texts = sorted({normalise(message.text) for message in messages if message.language == language})
    if len(texts) <= _MOST_TEXTS:
        return texts
    return list(np.random.default_rng(seed).choice(np.array(texts, dtype=object), _MOST_TEXTS, replace=False))


def _language_shares(messages: Sequence[Message]) -> Array:
    counts = Counter(message.language for message in messages)
    return np.array([counts[language] for language in LANGUAGE_CLASSES]) / max(1, len(messages))


def _pieces(texts: Sequence[str], tokenizer: Tokenizer) -> tuple[float, float]:
    """Return the share of unknown pieces and the pieces per word."""
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    total = sum(len(encoding.ids) for encoding in encoded)
    unknown = tokenizer.token_to_id(_UNKNOWN)
    missing = sum(piece == unknown for encoding in encoded for piece in encoding.ids)
    return missing / max(1, total), total / max(1, sum(map(words, texts)))
