"""A training run, stage by stage; a stage that is already in the run folder is not done again."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from escalate.policy import LANGUAGES
from training.base_encoder import (
    BaseEncoder,
    kept_pieces,
    load_base_encoder,
    prune,
    read_base_encoder,
    save_base_encoder,
)
from training.config import Recipe
from training.corpus import Message
from training.fine_tuning import (
    Examples,
    LossWeights,
    Targets,
    examples_of,
    fine_tune,
    glued,
    join,
    positive_weights,
    run,
    start_heads_from_probe,
    targets_of,
    variants_of,
)
from training.model import EscalationModel, interpolate, keep_layers

RECIPE_FILE: Final = "recipe.json"

_console = Console(stderr=True)


class RunError(Exception):
    """A run folder belongs to another recipe or is incomplete."""


def train(messages: Sequence[Message], recipe: Recipe, folder: Path) -> EscalationModel:
    """Train teachers and, where the recipe serves one, the student; return the network to serve.

    An interrupted run continues where it stopped when it is started again with the same folder.

    Args:
        messages: The train split.
        recipe: All settings.
        folder: The run folder; checkpoints and the trained networks go there.

    Raises:
        RunError: The folder holds a run of another recipe.
    """
    _claim(folder, recipe)
    base = _base(messages, recipe, folder / "base")
    teachers = [_teacher(messages, recipe, base, folder, seed) for seed in recipe.seeds]
    if recipe.served == "teacher":
        return teachers[0]
    return _student(messages, recipe, base, teachers, folder)


def read_served(recipe: Recipe, folder: Path) -> tuple[EscalationModel, BaseEncoder]:
    """Read the network to serve of a finished run, and the base encoder with its tokenizer.

    Raises:
        RunError: The run is not finished.
    """
    if recipe.served == "teacher":
        return read_teacher(recipe, folder, recipe.seeds[0])
    return _read(recipe, folder, "student", recipe.student.layers)


def read_teacher(recipe: Recipe, folder: Path, seed: int) -> tuple[EscalationModel, BaseEncoder]:
    """Read a teacher of a run, and the base encoder with its tokenizer.

    Raises:
        RunError: The run has no such teacher.
    """
    return _read(recipe, folder, f"teacher-{seed}", recipe.teacher.layers)


def _read(
    recipe: Recipe, folder: Path, name: str, layers: Sequence[int]
) -> tuple[EscalationModel, BaseEncoder]:
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        raise RunError(f"{folder} has no {file.name}; run `python -m training train --run {folder}`")
    base = read_base_encoder(folder / "base")
    model = EscalationModel(keep_layers(base.model, list(layers)))
    _load_into(model, file)
    return model.eval(), base


def _claim(folder: Path, recipe: Recipe) -> None:
    path = folder / RECIPE_FILE
    wanted = json.loads(json.dumps(recipe.to_dict()))
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(key for key in wanted if wanted[key] != found.get(key))
        if changed:
            raise RunError(
                f"{folder} holds a run with other settings ({', '.join(changed)}); "
                "choose another --run folder or delete it"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2), encoding="utf-8")


def _base(messages: Sequence[Message], recipe: Recipe, folder: Path) -> BaseEncoder:
    if (folder / "base.json").is_file():
        return read_base_encoder(folder)
    _console.print(f"[bold]Base encoder[/bold] {recipe.base}")
    base = load_base_encoder(recipe.base)
    keep = kept_pieces(base.tokenizer, _vocabulary_texts(messages, recipe.vocabulary_words))
    pruned = prune(base, keep)
    _console.print(f"{base.source}; {len(keep):,} of {base.tokenizer.get_vocab_size():,} pieces kept")
    save_base_encoder(pruned, folder)
    return pruned


def _vocabulary_texts(messages: Sequence[Message], words: int) -> Iterator[str]:
    from wordfreq import top_n_list

    for message in messages:
        if message.language in LANGUAGES:
            yield message.text
    for language in LANGUAGES:
        for word in top_n_list(language, words):
            yield word
            if language == "cs":
                decomposed = unicodedata.normalize("NFD", word)
                yield "".join(c for c in decomposed if not unicodedata.combining(c))


def _teacher(
    messages: Sequence[Message], recipe: Recipe, base: BaseEncoder, folder: Path, seed: int
) -> EscalationModel:
    name = f"teacher-{seed}"
    settings = recipe.teacher
    model = EscalationModel(keep_layers(base.model, list(settings.layers)))
    file = folder / f"{name}.safetensors"
    if file.is_file():
        _load_into(model, file)
        return model.eval()
    _console.print(f"[bold]Teacher[/bold] of {len(settings.layers)} layers, seed {seed}")
    plain = examples_of(messages)
    start_heads_from_probe(model, base.tokenizer, plain, settings.max_tokens)
    start = EscalationModel(keep_layers(base.model, list(settings.layers)))
    start.load_state_dict(model.state_dict())
    examples = variants_of(messages, settings.epochs * settings.variants, seed)
    weights = LossWeights(positive=positive_weights(plain.labels))
    fine_tune(model, base.tokenizer, examples, settings, weights, folder / name, seed)
    model.load_state_dict(interpolate(start, model.cpu(), recipe.interpolation))
    _save(model, file)
    return model.eval()


def _student(
    messages: Sequence[Message],
    recipe: Recipe,
    base: BaseEncoder,
    teachers: Sequence[EscalationModel],
    folder: Path,
) -> EscalationModel:
    settings = recipe.student
    seed = recipe.seeds[0]
    model = EscalationModel(keep_layers(base.model, list(settings.layers)))
    file = folder / "student.safetensors"
    if file.is_file():
        _load_into(model, file)
        return model.eval()
    _console.print(f"[bold]Student[/bold] of {len(settings.layers)} layers")
    copies = settings.epochs * settings.variants
    extra = glued(messages, round(recipe.glued * len(messages) * copies), seed)
    examples = join(variants_of(messages, copies, seed), extra)
    targets = _targets(examples, recipe, base, teachers, folder / "targets.npz")
    # The student begins as a thinned-out teacher, heads included.
    model = EscalationModel(keep_layers(teachers[0].encoder.cpu(), list(settings.layers)))
    model.outputs.load_state_dict(teachers[0].outputs.state_dict())
    model.language.load_state_dict(teachers[0].language.state_dict())
    weights = LossWeights(
        positive=(1.0, 1.0, 1.0), labels=recipe.label_weight, embedding=recipe.embedding_weight
    )
    learned = replace(examples, targets=targets)
    fine_tune(model, base.tokenizer, learned, settings, weights, folder / "student", seed)
    _save(model, file)
    return model.eval()


def _targets(
    examples: Examples,
    recipe: Recipe,
    base: BaseEncoder,
    teachers: Sequence[EscalationModel],
    file: Path,
) -> Targets:
    if file.is_file():
        with np.load(file) as stored:
            return Targets(stored["outputs"], stored["language"], stored["embedding"])
    logits = [
        run(t, base.tokenizer, examples.texts, recipe.teacher.max_tokens, half_precision=True)
        for t in teachers
    ]
    targets = targets_of(logits)
    temporary = file.with_suffix(".part.npz")
    np.savez(
        temporary,
        outputs=targets.outputs,
        language=targets.language,
        embedding=targets.embedding,
    )
    temporary.replace(file)
    return targets


def _save(model: EscalationModel, file: Path) -> None:
    temporary = file.with_suffix(".part")
    save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, temporary)
    temporary.replace(file)


def _load_into(model: EscalationModel, file: Path) -> None:
    state: dict[str, torch.Tensor] = load_file(file)
    model.load_state_dict(state)
