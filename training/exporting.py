"""From a trained run to a bundle with its metrics and its model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from escalate import Classifier
from escalate.bundle import MANIFEST
from training.bundling import MODEL_CARD, draft_bundle, write_bundle
from training.config import Recipe
from training.corpus import CORPUS, Message, corpus_hash, read_split
from training.evaluation import answer, evaluate, evaluate_baselines
from training.model_card import model_card
from training.parity import compare_forms
from training.pipeline import read_served

CORPUS_LICENCE = "CC BY 4.0"


def export(run: Path, corpus: Path, recipe: Recipe, version: str, folder: Path) -> Path:
    """Write the bundle of a finished run.

    Args:
        run: The run folder.
        corpus: The corpus the run was trained on.
        recipe: The recipe of the run.
        version: Version of the model.
        folder: Where the bundle goes; an existing one is replaced when the new one is whole.

    Returns:
        ``folder``.
    """
    model, base = read_served(recipe, run)
    splits = {name: read_split(corpus, name) for name in ("train", "validation", "test")}
    draft = draft_bundle(model, base, recipe, splits["train"], splits["validation"])
    data = describe_data(corpus, [m for split in splits.values() for m in split])
    candidate = folder.with_name(folder.name + ".candidate")
    write_bundle(draft, candidate, version, recipe, base, data, metrics={})
    metrics: dict[str, Any] = evaluate(answer(Classifier.load(candidate), splits["test"]))
    metrics["baselines"] = evaluate_baselines(splits["train"], splits["test"])
    metrics["parity"] = compare_forms(model, base, draft, recipe, splits["test"])
    write_bundle(draft, candidate, version, recipe, base, data, metrics)
    manifest = json.loads((candidate / MANIFEST).read_text(encoding="utf-8"))
    (candidate / MODEL_CARD).write_text(model_card(manifest), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    candidate.rename(folder)
    return folder


def describe_data(corpus: Path, messages: list[Message]) -> dict[str, Any]:
    """Return what a manifest says of the training data."""
    return {
        "sha256": corpus_hash(corpus),
        "messages": len(messages),
        "licence": CORPUS_LICENCE if corpus.resolve() == CORPUS else "the user's own",
    }
