"""Compares the forms of one network (torch, ONNX, quantised ONNX), and its student with the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from escalate.model import Reading
from escalate.policy import LANGUAGES, OUTPUTS, Policy
from escalate.transliteration import Transliteration
from training.bundle.bundling import Draft
from training.bundle.reading import Array, build_model, calibrated, output_logits_of, read_texts
from training.corpus.messages import Message
from training.fitting.examples import token_ids
from training.fitting.fine_tuning import run
from training.network.base_encoder import BaseEncoder
from training.network.early_exit import EarlyExit, Network, is_sure


def compare_forms(
    model: Network,
    base: BaseEncoder,
    draft: Draft,
    messages: Sequence[Message],
) -> dict[str, dict[str, Any]]:
    """Return per language how far the three forms of a network agree on messages.

    Returns:
        ``same_decisions``, the share of messages with the same action and the same language read
        quantised and in float32; ``difference_p99``, the 99th percentile of the absolute difference of
        their probabilities; ``torch_difference``, the largest absolute difference of a logit, of an
        output or of a language, between torch and float32 ONNX over the messages of one window.
    """
    tokenizer = base.tokenizer.to_str()
    shape = draft.window, draft.overlap
    forms = {
        name: build_model(onnx, tokenizer, *shape, draft.transliteration)
        for name, onnx in (("float32", draft.onnx_float32), ("quantised", draft.onnx))
    }
    # Torch reads a message once, as it is written.
    as_written = build_model(draft.onnx_float32, tokenizer, *shape, Transliteration({}))
    result = {}
    for language in LANGUAGES:
        texts = [message.text for message in messages if message.language == language]
        if not texts:
            continue
        readings = {name: read_texts(form, texts) for name, form in forms.items()}
        probabilities = {
            name: calibrated(draft.calibration, output_logits_of(found), [language] * len(texts))
            for name, found in readings.items()
        }
        decisions = {
            name: _decisions(draft.policy, found, probabilities[name], language)
            for name, found in readings.items()
        }
        both = zip(decisions["float32"], decisions["quantised"], strict=True)
        difference = np.abs(probabilities["float32"] - probabilities["quantised"])
        result[language] = {
            "same_decisions": float(np.mean([exact == rounded for exact, rounded in both])),
            "difference_p99": float(np.quantile(difference, 0.99)),
            "torch_difference": _torch_difference(
                model, base, draft.window, texts, read_texts(as_written, texts)
            ),
        }
    return result


def compare_student(
    network: EarlyExit, base: BaseEncoder, draft: Draft, messages: Sequence[Message]
) -> dict[str, dict[str, float]]:
    """Return per language how often a student answers early, and how it agrees with the whole network.

    Longer messages than a window are cut.

    Returns:
        ``early``, the share of messages that it answers; ``same_decisions``, the share of these with the
        action of the whole network, NaN where it answers none.
    """
    result = {}
    for language in LANGUAGES:
        texts = [message.text for message in messages if message.language == language]
        if not texts:
            continue
        student, whole = (
            run(member, base.tokenizer, texts, draft.window) for member in (network.student, network.teacher)
        )
        early = is_sure(student, network.margin).numpy()
        actions = []
        for logits in (student, whole):
            outputs = logits.outputs.double().numpy()[early]
            rows = calibrated(draft.calibration, outputs, [language] * len(outputs))
            actions.append(np.array([_action(draft.policy, row, language) for row in rows]))
        same = actions[0] == actions[1]
        result[language] = {
            "early": float(early.mean()),
            "same_decisions": float(same.mean()) if len(same) else float("nan"),
        }
    return result


def _decisions(
    policy: Policy, readings: Sequence[Reading], rows: Array, language: str
) -> list[tuple[str, str]]:
    """Return of each text the action, and the language that is read, by which the action goes in service."""
    return [
        (_action(policy, row, language), reading.language)
        for reading, row in zip(readings, rows, strict=True)
    ]


def _action(policy: Policy, row: Array, language: str) -> str:
    return policy.decide(dict(zip(OUTPUTS, row.tolist(), strict=True)), language).action


def _torch_difference(
    model: Network,
    base: BaseEncoder,
    window: int,
    texts: Sequence[str],
    readings: Sequence[Reading],
) -> float:
    differences = [0.0]
    with torch.inference_mode():
        for ids, reading in zip(token_ids(base.tokenizer, texts, window + 1), readings, strict=True):
            if len(ids) > window:
                continue
            input_ids = torch.tensor([ids])
            logits = model(input_ids, torch.ones_like(input_ids))
            for exact, found in (
                (logits.outputs, reading.output_logits),
                (logits.language, reading.language_logits),
            ):
                differences.append(float(np.abs(exact[0].numpy() - found).max()))
    return max(differences)
