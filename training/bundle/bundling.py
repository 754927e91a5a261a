"""Writes a bundle: quantised model, tokenizer, calibration, policy, metrics and checksums in one folder."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
import transformers

from escalate.bundle import (
    FORMAT_VERSION,
    LANGUAGE_CLASSES,
    MANIFEST,
    MODEL,
    TOKENIZER,
    TRANSLITERATION,
    Bundle,
    seal,
    sha256,
)
from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS, Output, Policy
from escalate.text import NORMALISER_VERSION, normalise
from escalate.transliteration import Transliteration
from escalate.version import __version__
from training.bundle.calibrating import fit_calibration, rows_to_fit
from training.bundle.model_card import model_card
from training.bundle.reading import build_model, calibrated, output_logits_of, read_texts
from training.corpus.labels import labels_of
from training.corpus.messages import Message
from training.errors import ExportError
from training.files import whole_folder, without_nan
from training.fitting.examples import token_ids
from training.fitting.lexicon import transliteration
from training.fitting.recipe import Recipe
from training.git import git_commit
from training.network.base_encoder import DEFAULT_BASE, DEFAULT_BASE_LICENCE, BaseEncoder
from training.network.early_exit import Network
from training.network.onnx_graph import build_onnx
from training.network.outliers import outliers_last
from training.policy.default_policy import choose_policy

MODEL_CARD = "MODEL_CARD.md"

LARGEST_BUNDLE = 60_000_000
"""Most bytes of model, tokenizer and transliteration."""

_OUTLIER_EXAMPLES: Final = 256
_OUTLIER_SEED: Final = 0

Labels = npt.NDArray[np.float32]
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Origin:
    """What a bundle was made from, as its manifest says it.

    Attributes:
        commit: Commit of the checkout that trained; the one that exports is written beside it.
        recipe: All settings.
        data: What is known of the training data: hash, licence, counts, whose they are.
        start: Version and checksum of the model that training went on from; None where it began with
            the base encoder.
        averaged_with: Version and checksum of the model whose weights are a part of the mean, if any.
    """

    commit: str
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    start: Mapping[str, str] | None = None
    averaged_with: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Draft:
    """A bundle before it is written.

    Attributes:
        onnx: The quantised model.
        onnx_float32: The same network unquantised, for comparison; it is not part of the bundle.
        tokenizer: The text of ``tokenizer.json``.
        transliteration: What is known of words in Latin letters.
        calibration: Fitted on the validation split, on the quantised model.
        policy: Default policy.
        base_rates: Share of positive labels per output in the train split.
        calibrated_on: By language and output, OWN or MIXED: the messages that calibration was fitted on.
        window: Longest input in tokens.
        overlap: Tokens that windows of a long message share.
    """

    onnx: bytes
    onnx_float32: bytes
    tokenizer: str
    transliteration: Transliteration
    calibration: Calibration
    policy: Policy
    base_rates: Mapping[str, float]
    calibrated_on: Mapping[str, Mapping[Output, str]]
    window: int
    overlap: int

    def bundle(self, version: str) -> Bundle:
        """Return the bundle in memory, for measuring it; its manifest is empty."""
        return Bundle(
            version=version,
            manifest={},
            model=self.onnx,
            tokenizer=self.tokenizer,
            transliteration=self.transliteration,
            window=self.window,
            overlap=self.overlap,
            normalise=normalise,
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
    model: Network,
    base: BaseEncoder,
    recipe: Recipe,
    train: Sequence[Message],
    validation: Sequence[Message],
    corpus_train: Sequence[Message] = (),
    corpus_validation: Sequence[Message] = (),
) -> Draft:
    """Quantise a network, and fit calibration and policy to the quantised form.

    Args:
        model: The trained network.
        base: Its base encoder, for the tokenizer.
        recipe: Window, overlap and what the policy is to hold.
        train: Train split: source of the base rates and, with ``corpus_train``, of the messages that show
            which channels are outliers.
        validation: Validation split.
        corpus_train: Messages that fill up where ``train`` is too small.
        corpus_validation: Messages that fill up where ``validation`` is too small, by language and
            output.

    Raises:
        ExportError: There are too few labelled messages.
    """
    # Sorted, because a run that goes on may have its messages in another order.
    texts = sorted(message.text for message in (*train, *corpus_train))
    examples = random.Random(_OUTLIER_SEED).sample(texts, min(len(texts), _OUTLIER_EXAMPLES))
    windows = token_ids(base.tokenizer, examples, recipe.window)
    onnx = build_onnx(outliers_last(model, windows), quantised=True)
    tokenizer = base.tokenizer.to_str()
    served = build_model(onnx, tokenizer, recipe.window, recipe.overlap, transliteration())
    own = [message for message in validation if message.language in LANGUAGES]
    judged = [*own, *(message for message in corpus_validation if message.language in LANGUAGES)]
    preferred = np.arange(len(judged)) < len(own)
    logits = output_logits_of(read_texts(served, [message.text for message in judged]))
    labels, languages = labels_of(judged), [message.language for message in judged]
    fit = fit_calibration(logits, labels, languages, preferred)
    probabilities = calibrated(fit.calibration, logits, languages)
    fitted = _only_fitted(labels, preferred)
    return Draft(
        onnx=onnx,
        onnx_float32=build_onnx(model, quantised=False),
        tokenizer=tokenizer,
        transliteration=transliteration(),
        calibration=fit.calibration,
        policy=choose_policy(probabilities, fitted, recipe.offer_recall, recipe.escalate_precision),
        base_rates=_base_rates(labels_of(train), labels_of(corpus_train)),
        calibrated_on=fit.fitted_on,
        window=recipe.window,
        overlap=recipe.overlap,
    )


def _only_fitted(labels: Labels, preferred: Rows) -> Labels:
    """Return labels without those that no output is fitted on."""
    every = np.ones(len(labels), dtype=bool)
    rows = np.stack([rows_to_fit(column, every, preferred) for column in labels.T], axis=1)
    return np.where(rows, labels, np.float32(np.nan))


def _base_rates(labels: Labels, corpus: Labels) -> dict[str, float]:
    """Return the share of positive labels per output, with the corpus' where own ones are of one kind."""
    rates: dict[str, float] = {}
    for output, own, others in zip(OUTPUTS, labels.T, corpus.T, strict=True):
        known = own[~np.isnan(own)]
        rates[output] = float(np.nanmean(known if len(set(known)) == 2 else np.concatenate([known, others])))
    return rates


def write_bundle(
    draft: Draft,
    folder: Path,
    version: str,
    base: BaseEncoder,
    origin: Origin,
    metrics: Mapping[str, Any],
) -> None:
    """Write a bundle with its model card; the folder appears only when it is whole.

    Args:
        draft: The bundle.
        folder: Where it goes; a bundle there is replaced.
        version: Version of the model.
        base: The base encoder.
        origin: What it was made from.
        metrics: What was measured on the test split.

    Raises:
        ExportError: The folder exists and is no bundle, the bundle is too large, or it cannot be
            written.
    """
    refuse_other_folder(folder)
    files = {
        MODEL: draft.onnx,
        TOKENIZER: draft.tokenizer.encode("utf-8"),
        TRANSLITERATION: draft.transliteration.to_bytes(),
    }
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
        "window": draft.window,
        "overlap": draft.overlap,
        "normaliser": NORMALISER_VERSION,
        "base": {
            "name": base.name,
            "source": base.source,
            "licence": DEFAULT_BASE_LICENCE if base.name == DEFAULT_BASE else "see its source",
            "pieces": base.tokenizer.get_vocab_size(),
        },
        "data": dict(origin.data),
        "commit": origin.commit,
        "export_commit": git_commit(),
        "recipe": dict(origin.recipe),
        **({"start": dict(origin.start)} if origin.start else {}),
        **({"averaged_with": dict(origin.averaged_with)} if origin.averaged_with else {}),
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
    texts = {
        MANIFEST: json.dumps(manifest, ensure_ascii=False, indent=2) + "\n",
        MODEL_CARD: model_card(manifest),
    }
    files |= {name: text.encode("utf-8") for name, text in texts.items()}
    with whole_folder(folder) as temporary:
        for name, content_of_file in files.items():
            (temporary / name).write_bytes(content_of_file)
