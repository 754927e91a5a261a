"""Distillation: a shallow student learns what its teacher says.

Source: G. Hinton et al., "Distilling the knowledge in a neural network", 2015.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from escalate.bundle import sha256
from training.files import whole_file
from training.fitting.examples import Examples, Targets
from training.fitting.fine_tuning import fine_tune, run, targets_of
from training.fitting.losses import LossWeights
from training.fitting.recipe import Recipe
from training.network.model import EscalationModel, keep_layers
from training.network.weights import load_weights, save_weights

STUDENT: Final = "student"
STUDENT_FILE: Final = f"{STUDENT}.safetensors"
"""Name of the student in a run folder."""


def thin_out(teacher: EscalationModel, layers: Sequence[int]) -> EscalationModel:
    """Return a network of some of a teacher's layers, with its heads: what a student starts from."""
    student = EscalationModel(keep_layers(teacher.encoder.cpu(), list(layers)))
    student.outputs.load_state_dict(teacher.outputs.state_dict())
    student.language.load_state_dict(teacher.language.state_dict())
    return student


def distil(
    student: EscalationModel,
    teacher: EscalationModel,
    tokenizer: Tokenizer,
    examples: Examples,
    recipe: Recipe,
    shared_layers: int,
    folder: Path,
    seed: int,
) -> None:
    """Train a student in place and write it; an interrupted training goes on.

    Args:
        student: The network to start from, with the embeddings and the shared layers of the teacher, which
            stay as they are.
        teacher: What it learns to answer.
        tokenizer: Their tokenizer.
        examples: Texts; labels that are known count beside the teacher's answers.
        recipe: Settings of the student and the parts of its loss.
        shared_layers: How many of the lowest layers are the teacher's.
        folder: The run folder.
        seed: Seed of the order and of dropout.
    """
    targets = _targets(teacher, tokenizer, examples, recipe.teacher.max_tokens, folder / "targets.npz")
    weights = LossWeights(
        positive=(1.0, 1.0, 1.0), labels=recipe.label_weight, embedding=recipe.embedding_weight
    )
    learned = replace(examples, targets=targets)
    # The trainer leaves a network behind that computes in bf16.
    learner, checkpoints = copy.deepcopy(student), folder / STUDENT
    fine_tune(
        learner, tokenizer, learned, recipe.student, weights, checkpoints, seed, frozen_layers=shared_layers
    )
    save_weights(learner, folder / STUDENT_FILE)
    load_weights(student, folder / STUDENT_FILE)


def _targets(
    teacher: EscalationModel, tokenizer: Tokenizer, examples: Examples, max_tokens: int, file: Path
) -> Targets:
    texts = sha256("\0".join(examples.texts).encode("utf-8", "surrogatepass"))
    if file.is_file():
        with np.load(file) as stored:
            if str(stored["texts"]) == texts:
                return Targets(stored["outputs"], stored["language"], stored["embedding"])
    targets = targets_of(run(teacher, tokenizer, examples.texts, max_tokens, half_precision=True))
    with whole_file(file) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            texts=texts,
            outputs=targets.outputs,
            language=targets.language,
            embedding=targets.embedding,
        )
    return targets
