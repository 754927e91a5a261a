"""``python -m training evaluate``: what a bundle is worth, with everything needed to check it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from escalate import Classifier
from escalate.version import __version__
from training.corpus.messages import corpus_hash, is_project, read_split
from training.errors import CorpusError
from training.evaluation.answers import Answers, answer, evaluate, hand_off_curve, policy_points
from training.evaluation.figures import draw
from training.evaluation.invariance import invariance
from training.evaluation.mistakes import mistakes
from training.evaluation.report_text import report_text
from training.evaluation.resampling import CONFIDENCE, RESAMPLES, SEED
from training.evaluation.slices import measure_slices
from training.files import without_nan
from training.report_files import write_report_files

NAME: Final = "REPORT"


def write_report(bundle: Path, corpus: Path, folder: Path, seed: int = SEED) -> Path:
    """Measure a bundle on the test split of a corpus and write numbers, text and figures.

    Nothing is written before everything is measured; each file appears only when whole.

    Args:
        bundle: The bundle.
        corpus: The corpus.
        folder: Where the files go; other files in it stay.
        seed: Seed of the bootstrap and of the changes in the invariance table.

    Returns:
        The file of the text.

    Raises:
        BundleError: The bundle cannot be loaded.
        CorpusError: The corpus cannot be read, or its test split is empty.
        FileError: A file cannot be written.
    """
    classifier = Classifier.load(bundle)
    messages = read_split(corpus, "test")
    if not messages:
        raise CorpusError(f"nothing to evaluate: the test split of {corpus} is empty")
    answers = answer(classifier, messages)
    numbers = measure(classifier, answers, corpus_hash(corpus), seed)
    figures = draw(answers, numbers["hand_off_curve"], numbers["policy"])
    # Only the project's own messages are written to be read by everybody.
    texts = {m.id: m.text for m in messages} if is_project(corpus) else {}
    text = report_text(numbers, list(figures), texts)
    return write_report_files(folder, NAME, text, numbers, figures)


def measure(classifier: Classifier, answers: Answers, corpus: str, seed: int = SEED) -> dict[str, Any]:
    """Return all numbers of the report as JSON-ready data; None stands for what cannot be computed.

    Args:
        classifier: The classifier that gave the answers.
        answers: Its answers about the test split.
        corpus: SHA-256 of the corpus.
        seed: Seed of the bootstrap and of the changes in the invariance table.
    """
    manifest = classifier.manifest
    trained_on = manifest["data"]["sha256"]
    metrics = manifest["metrics"]
    numbers = {
        "model": {
            "version": classifier.version,
            "commit": manifest["commit"],
            "sha256": dict(manifest["sha256"]),
            "corpus": trained_on,
        },
        "corpus": corpus,
        "escalate": __version__,
        "seed": seed,
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "metrics": evaluate(answers),
        "slices": measure_slices(answers, seed),
        "mistakes": mistakes(answers),
        "policy": policy_points(answers),
        "hand_off_curve": hand_off_curve(answers),
        "invariance": invariance(classifier, answers.messages, seed),
        # Baselines were measured at export; on another test split they would not be comparable.
        "baselines": metrics.get("baselines") if corpus == trained_on else None,
    }
    result: dict[str, Any] = without_nan(numbers)
    return result
