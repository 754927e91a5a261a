"""``python -m training feedback``: everything that verdicts say about drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from escalate.bundle import LANGUAGE_CLASSES, load_bundle, released_bundle
from escalate.version import __version__
from training.corpus.messages import CORPUS, corpus_hash, read_split
from training.errors import TicketsError
from training.evaluation.resampling import CONFIDENCE, RESAMPLES, SEED
from training.feedback.agreement import by_action, judged, measure_agreement
from training.feedback.calibration import measure_calibration, measure_errors
from training.feedback.figures import draw
from training.feedback.inputs import compare_scores, compare_texts
from training.feedback.periods import periods, recent, unit_of
from training.feedback.rule import Rule, conclude
from training.feedback.verdicts import Verdicts
from training.files import without_nan
from training.formatting import ALL
from training.tickets.own_corpus import find_own_corpus

Array = npt.NDArray[Any]

RECENT: Final = "recent"
EARLIER: Final = "earlier"


@dataclass(frozen=True)
class Drift:
    """What verdicts say.

    Attributes:
        numbers: JSON-ready data of the report.
        figures: The figures by file name.
    """

    numbers: dict[str, Any]
    figures: dict[str, Any] = field(repr=False)


def measure_drift(
    verdicts: Verdicts,
    model: Path | None,
    corpus: Path | None,
    rule: Rule,
    unit: str | None = None,
    seed: int = SEED,
) -> Drift:
    """Measure drift and apply the rule.

    Args:
        verdicts: Past decisions.
        model: The bundle whose tokenizer counts pieces; None for the released one.
        corpus: The corpus the model learned from; None to look for it in ``runs``, else the project's.
        rule: When retraining is due.
        unit: WEEK or MONTH of ``training.feedback.periods``; None to choose by the time there is.
        seed: Seed of the bootstrap, of samples and of folds.

    Raises:
        TicketsError: No decision has a verdict.
        BundleError: The bundle cannot be loaded.
        CorpusError: The corpus cannot be read.
    """
    if not judged(verdicts).any():
        raise TicketsError(
            f"{verdicts.source} has no row with a verdict: fill in yes or no for some decisions"
        )
    bundle = load_bundle(model)
    parts = parts_of(verdicts, rule)
    earlier = parts.get(EARLIER)
    if verdicts.times is not None:
        unit = unit or unit_of(verdicts.times)
    corpus = corpus or find_own_corpus(model or released_bundle(), bundle.manifest) or CORPUS
    training = read_split(corpus, "train")
    messages = parts[RECENT].messages
    numbers = {
        "escalate": __version__,
        "source": verdicts.source,
        "decisions": len(verdicts.messages),
        "without_answer": verdicts.without_answer,
        "without_text": verdicts.without_text,
        "judged": int(judged(verdicts).sum()),
        "actions": by_action(verdicts, CONFIDENCE),
        "first": None if verdicts.times is None else min(verdicts.times).date().isoformat(),
        "last": None if verdicts.times is None else max(verdicts.times).date().isoformat(),
        "models": list(verdicts.models),
        "rescored": verdicts.rescored,
        "model": {"version": bundle.version, "sha256": dict(bundle.manifest["sha256"])},
        "unit": unit,
        "parts": {
            name: {language: _measure_all(own, seed) for language, own in _by_language(part)}
            for name, part in parts.items()
        },
        "periods": list(_over_time(verdicts, unit, seed)),
        "inputs": {
            "training data": compare_texts(messages, training, bundle, seed),
            **(
                {"earlier decisions": compare_texts(messages, earlier.messages, bundle, seed)}
                if earlier
                else {}
            ),
        },
        "scores": compare_scores(parts[RECENT], earlier) if earlier else None,
        "other_corpus": corpus_hash(corpus) != bundle.manifest["data"]["sha256"],
        "rule": asdict(rule),
        "conclusion": conclude(parts[RECENT], earlier, rule).to_dict(),
        "seed": seed,
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
    }
    clean = without_nan(numbers)
    return Drift(clean, draw(clean, parts))


def parts_of(verdicts: Verdicts, rule: Rule) -> dict[str, Verdicts]:
    """Return RECENT and EARLIER decisions; all are recent where there is no time or nothing is earlier."""
    if verdicts.times is None:
        return {RECENT: verdicts}
    late = recent(verdicts.times, rule.recent_days)
    if late.all():
        return {RECENT: verdicts}
    return {RECENT: verdicts.part(late), EARLIER: verdicts.part(~late)}


def _by_language(verdicts: Verdicts) -> Iterator[tuple[str, Verdicts]]:
    """Yield all decisions, then those of each language there are."""
    yield ALL, verdicts
    for language in LANGUAGE_CLASSES:
        rows = verdicts.languages == language
        if rows.any():
            yield language, verdicts.part(rows)


def _measure(verdicts: Verdicts) -> dict[str, Any]:
    return {
        "decisions": len(verdicts.messages),
        **measure_agreement(verdicts, CONFIDENCE),
        "calibration": measure_calibration(verdicts, CONFIDENCE),
    }


def _measure_all(verdicts: Verdicts, seed: int) -> dict[str, Any]:
    """Return what ``_measure`` does and the errors, which take the bootstrap."""
    return {**_measure(verdicts), "errors": measure_errors(verdicts, CONFIDENCE, seed)}


def _over_time(verdicts: Verdicts, unit: str | None, seed: int) -> Iterator[dict[str, Any]]:
    """Yield agreement and calibration by period and language; nothing where times are not known.

    Errors are measured for all languages together: in a period of one there are too few verdicts.
    """
    if verdicts.times is None or unit is None:
        return
    for period in periods(verdicts.times, unit):
        own = verdicts.part(period.rows)
        languages = {language: _measure(part) for language, part in _by_language(own)}
        yield {"start": str(period.start), "languages": {**languages, ALL: _measure_all(own, seed)}}
