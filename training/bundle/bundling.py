"""Writes a bundle: quantised model, tokenizer, calibration, policy, metrics and checksums in one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import transformers

from escalate.bundle import (
    FORMAT_VERSION,
    LANGUAGE_CLASSES,
    MANIFEST,
    MODEL,
    TOKENIZER,
    Bundle,
    seal,
    sha256,
)
from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS, Policy
from escalate.text import NORMALISER_VERSION
from escalate.version import __version__
from training.bundle.calibrating import choose_policy, fit_calibration
from training.bundle.model_card import model_card
from training.bundle.onnx_graph import build_onnx
from training.bundle.reading import build_model, calibrated, labels_of, read_texts
from training.corpus.messages import Message
from training.errors import ExportError
from training.files import without_nan
from training.fitting.pipeline import RunRecord
from training.fitting.recipe import Recipe
from training.network.base_encoder import DEFAULT_BASE, DEFAULT_BASE_LICENCE, BaseEncoder
from training.network.model import EscalationModel

MODEL_CARD = "MODEL_CARD.md"

LARGEST_BUNDLE = 60_000_000
"""Most bytes of model and tokenizer."""


@dataclass(frozen=True)
class Draft:
    """A bundle before it is written.

    Attributes:
        onnx: The quantised model.
        onnx_float32: The same network unquantised, for comparison; it is not part of the bundle.
        tokenizer: The text of ``tokenizer.json``.
        calibration: Fitted on the validation split, on the quantised model.
        policy: Default policy.
        base_rates: Share of positive labels per output in the train split.
    """

    onnx: bytes
    onnx_float32: bytes
    tokenizer: str
    calibration: Calibration
    policy: Policy
    base_rates: Mapping[str, float]

    def bundle(self, version: str, recipe: Recipe) -> Bundle:
        """Return the bundle in memory, for measuring it; its manifest is empty."""
        return Bundle(
            version=version,
            manifest={},
            model=self.onnx,
            tokenizer=self.tokenizer,
            window=recipe.window,
            overlap=recipe.overlap,
            base_rates={output: self.base_rates[output] for output in OUTPUTS},
            calibration=self.calibration,
            policy=self.policy,
        )


def refuse_other_folder(folder: Path) -> None:
    """Stop before a folder is replaced that is no bundle.

    Raises:
        ExportError: The folder exists and has no manifest.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise ExportError(f"{folder} exists and is no bundle: name a new folder, nothing was written")


def draft_bundle(
    model: EscalationModel,
    base: BaseEncoder,
    recipe: Recipe,
    train: Sequence[Message],
    validation: Sequence[Message],
) -> Draft:
    """Quantise a network, and fit calibration and policy to the quantised form.

    Args:
        model: The trained network.
        base: Its base encoder, for the tokenizer.
        recipe: The recipe it was trained with.
        train: Train split: source of the base rates.
        validation: Validation split.
    """
    onnx = build_onnx(model, quantised=True)
    tokenizer = base.tokenizer.to_str()
    served = build_model(onnx, tokenizer, recipe.window, recipe.overlap)
    judged = [message for message in validation if message.language in LANGUAGES]
    logits = read_texts(served, [message.text for message in judged])
    labels, languages = labels_of(judged), [message.language for message in judged]
    calibration = fit_calibration(logits, labels, languages)
    probabilities = calibrated(calibration, logits, languages)
    return Draft(
        onnx=onnx,
        onnx_float32=build_onnx(model, quantised=False),
        tokenizer=tokenizer,
        calibration=calibration,
        policy=choose_policy(probabilities, labels, recipe.offer_recall, recipe.escalate_precision),
        base_rates=dict(zip(OUTPUTS, np.nanmean(labels_of(train), 0).tolist(), strict=True)),
    )


def write_bundle(
    draft: Draft,
    folder: Path,
    version: str,
    record: RunRecord,
    base: BaseEncoder,
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> None:
    """Write a bundle with its model card; the folder appears only when it is whole.

    Args:
        draft: The bundle.
        folder: Where it goes; a bundle there is replaced.
        version: Version of the model.
        record: What the run was started with.
        base: The base encoder.
        data: What is known of the training data: hash, licence, counts.
        metrics: What was measured on the test split.

    Raises:
        ExportError: The folder exists and is no bundle, or the bundle is too large.
    """
    refuse_other_folder(folder)
    recipe = record.recipe
    files = {MODEL: draft.onnx, TOKENIZER: draft.tokenizer.encode("utf-8")}
    size = sum(map(len, files.values()))
    if size > LARGEST_BUNDLE:
        raise ExportError(
            f"the bundle has {size:,} bytes, the limit is {LARGEST_BUNDLE:,}: keep fewer pieces"
        )
    content = {
        "format": FORMAT_VERSION,
        "version": version,
        "outputs": list(OUTPUTS),
        "languages": list(LANGUAGE_CLASSES),
        "window": recipe.window,
        "overlap": recipe.overlap,
        "normaliser": NORMALISER_VERSION,
        "base": {
            "name": base.name,
            "source": base.source,
            "licence": DEFAULT_BASE_LICENCE if base.name == DEFAULT_BASE else "see its source",
            "pieces": base.tokenizer.get_vocab_size(),
        },
        "data": dict(data),
        "commit": record.commit,
        "recipe": recipe.to_dict(),
        "software": {
            "escalate": __version__,
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "base_rates": dict(draft.base_rates),
        "calibration": draft.calibration.to_dict(),
        "policy": draft.policy.to_dict(),
        "metrics": without_nan(metrics),
        "sha256": {name: sha256(content) for name, content in files.items()},
    }
    manifest = seal(json.loads(json.dumps(content)))
    temporary = folder.with_name(folder.name + ".part")
    if temporary.exists():
        shutil.rmtree(temporary)
    temporary.mkdir(parents=True)
    for name, data_of_file in files.items():
        (temporary / name).write_bytes(data_of_file)
    (temporary / MANIFEST).write_text(
        json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    (temporary / MODEL_CARD).write_text(model_card(manifest), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    temporary.rename(folder)
