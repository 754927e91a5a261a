"""Compares the forms of one network (torch, ONNX, quantised ONNX), and its student with the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from escalate.policy import LANGUAGES, OUTPUTS, Policy
from training.bundle.bundling import Draft
from training.bundle.reading import Array, build_model, calibrated, read_texts
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
        ``same_decisions``, the share of messages with the same action quantised and in float32;
        ``difference_p99``, the 99th percentile of the absolute difference of their probabilities;
        ``torch_difference``, the largest absolute difference of a logit between torch and float32
        ONNX over the messages of one window.
    """
    tokenizer = base.tokenizer.to_str()
    forms = {
        "float32": build_model(draft.onnx_float32, tokenizer, draft.window, draft.overlap),
        "quantised": build_model(draft.onnx, tokenizer, draft.window, draft.overlap),
    }
    result = {}
    for language in LANGUAGES:
        texts = [message.text for message in messages if message.language == language]
        if not texts:
            continue
        read = {name: read_texts(form, texts) for name, form in forms.items()}
        probabilities = {
            name: calibrated(draft.calibration, reading, [language] * len(texts))
            for name, reading in read.items()
        }
        actions = {
            name: [_action(draft.policy, row, language) for row in rows]
            for name, rows in probabilities.items()
        }
        same = np.array(actions["float32"]) == np.array(actions["quantised"])
        difference = np.abs(probabilities["float32"] - probabilities["quantised"])
        result[language] = {
            "same_decisions": float(same.mean()),
            "difference_p99": float(np.quantile(difference, 0.99)),
            "torch_difference": _torch_difference(model, base, draft.window, texts, read["float32"]),
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


def _action(policy: Policy, row: Array, language: str) -> str:
    return policy.decide(dict(zip(OUTPUTS, row.tolist(), strict=True)), language).action


def _torch_difference(
    model: Network,
    base: BaseEncoder,
    window: int,
    texts: Sequence[str],
    reading: Array,
) -> float:
    differences = [0.0]
    with torch.inference_mode():
        for row, ids in enumerate(token_ids(base.tokenizer, texts, window + 1)):
            if len(ids) > window:
                continue
            input_ids = torch.tensor([ids])
            logits = model(input_ids, torch.ones_like(input_ids)).outputs[0].numpy()
            differences.append(float(np.abs(logits - reading[row]).max()))
    return max(differences)
