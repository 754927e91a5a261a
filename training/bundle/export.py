"""From a trained run to a bundle with its metrics and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from escalate import Classifier
from escalate.policy import LANGUAGES
from escalate.text import NORMALISER_VERSION
from training.bundle.bundling import Origin, draft_bundle, refuse_other_folder, write_bundle
from training.bundle.calibrating import expect_other
from training.bundle.parity import compare_forms, compare_student
from training.corpus.labels import labels_of
from training.corpus.messages import SPLITS, Message, corpus_hash, is_project, read_split
from training.errors import ExportError, RunError
from training.evaluation.answers import answer, evaluate, evaluate_baselines
from training.evaluation.metrics import by_language
from training.fitting.fine_tuning import run as read_with_torch
from training.fitting.pipeline import read_record, read_served, read_start, read_teacher
from training.network.base_encoder import BaseEncoder
from training.network.early_exit import EarlyExit
from training.network.model import EscalationModel
from training.tickets.own_corpus import PROJECT, USER

CORPUS_LICENCE: Final = "CC BY 4.0"
USER_LICENCE: Final = "the user's own"

FROZEN: Final = "frozen base + logistic regression"

LARGEST_TORCH_DIFFERENCE: Final = 1e-3
"""How far a logit of the float32 ONNX form may be from torch's."""

LEAST_SAME_DECISIONS: Final = 0.97
"""Least share of messages with one language and action in float32 and in integers."""


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
        RunError: The run is not finished, or was trained on another corpus or with another normaliser.
    """
    refuse_other_folder(folder)
    record = read_record(run)
    if record.corpus != corpus_hash(corpus):
        raise RunError(f"{run} was trained on another corpus than {corpus}; train again")
    if record.normaliser != NORMALISER_VERSION:
        raise RunError(
            f"{run} was trained with version {record.normaliser} of the text normaliser, this is version "
            f"{NORMALISER_VERSION}; train again"
        )
    model, base = read_served(record.recipe, run)
    splits = {name: read_split(corpus, name) for name in SPLITS}
    expect_other(model, [message.language for message in splits["train"]], record.recipe.other_share)
    draft = draft_bundle(model, base, record.recipe, splits["train"], splits["validation"])
    parity = compare_forms(model, base, draft, splits["test"])
    require_same_network(parity)
    if moved := moved_decisions(parity):
        raise ExportError("\n".join(moved))
    classifier = Classifier(draft.bundle(version))
    metrics: dict[str, Any] = evaluate(answer(classifier, splits["test"]))
    window = record.recipe.window
    metrics["baselines"] = {
        **evaluate_baselines(splits["train"], splits["test"]),
        FROZEN: _evaluate_in_torch(*read_start(record.recipe, run), window, splits["test"]),
    }
    if len(record.recipe.seeds) > 1:
        metrics["seeds"] = {
            str(seed): _evaluate_in_torch(*read_teacher(record.recipe, run, seed), window, splits["test"])
            for seed in record.recipe.seeds
        }
    metrics["parity"] = parity
    if isinstance(model, EarlyExit):
        metrics["student"] = compare_student(model, base, draft, splits["test"])
    data = _describe(corpus, splits)
    origin = Origin(record.commit, record.recipe.to_dict(), data, averaged_with=record.released)
    write_bundle(draft, folder, version, base, origin, metrics)
    return folder


def _evaluate_in_torch(
    model: EscalationModel, base: BaseEncoder, window: int, test: Sequence[Message]
) -> dict[str, Any]:
    """Return the metrics per language of a network in torch, of each message's first window."""
    judged = [message for message in test if message.language in LANGUAGES]
    texts = [message.text for message in judged]
    logits = read_with_torch(model, base.tokenizer, texts, window)
    return by_language(judged, logits.outputs.sigmoid().numpy(), labels_of(judged))


def require_same_network(parity: Mapping[str, Mapping[str, float]]) -> None:
    """Stop where the ONNX graph computes something else than the network.

    Args:
        parity: What ``compare_forms`` returns.

    Raises:
        ExportError: It does.
    """
    for language, values in parity.items():
        if values["torch_difference"] > LARGEST_TORCH_DIFFERENCE:
            raise ExportError(
                f"{language}: the ONNX graph differs from torch by {values['torch_difference']:.1e} in a "
                f"logit, the limit is {LARGEST_TORCH_DIFFERENCE:.0e}: the encoder has parts that "
                "training/network/onnx_graph.py does not build"
            )


def moved_decisions(parity: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a sentence for each language in which quantising moves too many decisions."""
    return [
        f"{language}: in integers only {values['same_decisions']:.1%} of the decisions are those of "
        f"float32, the limit is {LEAST_SAME_DECISIONS:.0%}"
        for language, values in parity.items()
        if values["same_decisions"] < LEAST_SAME_DECISIONS
    ]


def _describe(corpus: Path, splits: Mapping[str, Sequence[Message]]) -> dict[str, Any]:
    """Return what a manifest says of the training data."""
    project = is_project(corpus)
    return {
        "origin": PROJECT if project else USER,
        "sha256": corpus_hash(corpus),
        "messages": {name: len(messages) for name, messages in splits.items()},
        "licence": CORPUS_LICENCE if project else USER_LICENCE,
    }
