"""From a trained run to a bundle with its metrics and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from escalate import Classifier
from training.bundle.bundling import draft_bundle, refuse_other_folder, write_bundle
from training.bundle.parity import compare_forms
from training.corpus.messages import CORPUS, SPLITS, Message, corpus_hash, read_split
from training.errors import ExportError, RunError
from training.evaluation.answers import answer, evaluate, evaluate_baselines
from training.fitting.pipeline import read_record, read_served

CORPUS_LICENCE: Final = "CC BY 4.0"

LARGEST_TORCH_DIFFERENCE: Final = 1e-3
"""How far a logit of the float32 ONNX form may be from torch's."""

LEAST_SAME_DECISIONS: Final = 0.97
"""Least share of messages with one action in float32 and in integers."""


def export(run: Path, corpus: Path, version: str, folder: Path) -> Path:
    """Write the bundle of a finished run.

    Args:
        run: The run folder.
        corpus: The corpus the run was trained on.
        version: Version of the model.
        folder: Where the bundle goes; a bundle there is replaced when the new one is whole.

    Returns:
        ``folder``.

    Raises:
        ExportError: The forms of the network disagree, or the folder is no bundle.
        RunError: The run is not finished, or was trained on another corpus.
    """
    refuse_other_folder(folder)
    record = read_record(run)
    if record.corpus != corpus_hash(corpus):
        raise RunError(f"{run} was trained on another corpus than {corpus}; train again")
    model, base = read_served(record.recipe, run)
    splits = {name: read_split(corpus, name) for name in SPLITS}
    draft = draft_bundle(model, base, record.recipe, splits["train"], splits["validation"])
    parity = compare_forms(model, base, draft, record.recipe, splits["test"])
    _require_agreement(parity)
    classifier = Classifier(draft.bundle(version, record.recipe))
    metrics: dict[str, Any] = evaluate(answer(classifier, splits["test"]))
    metrics["baselines"] = evaluate_baselines(splits["train"], splits["test"])
    metrics["parity"] = parity
    write_bundle(draft, folder, version, record, base, _describe(corpus, splits), metrics)
    return folder


def _require_agreement(parity: Mapping[str, Mapping[str, float]]) -> None:
    for language, values in parity.items():
        if values["torch_difference"] > LARGEST_TORCH_DIFFERENCE:
            raise ExportError(
                f"{language}: the ONNX graph differs from torch by {values['torch_difference']:.1e} in a "
                f"logit, the limit is {LARGEST_TORCH_DIFFERENCE:.0e}: the encoder has parts that "
                "training/bundle/onnx_graph.py does not build"
            )
        if values["same_decisions"] < LEAST_SAME_DECISIONS:
            raise ExportError(
                f"{language}: in integers only {values['same_decisions']:.1%} of the decisions are those of "
                f"float32, the limit is {LEAST_SAME_DECISIONS:.0%}"
            )


def _describe(corpus: Path, splits: Mapping[str, Sequence[Message]]) -> dict[str, Any]:
    """Return what a manifest says of the training data."""
    return {
        "sha256": corpus_hash(corpus),
        "messages": {name: len(messages) for name, messages in splits.items()},
        "licence": CORPUS_LICENCE if corpus.resolve() == CORPUS else "the user's own",
    }
