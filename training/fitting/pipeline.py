"""A training run, stage by stage; a stage that is already in the run folder is not done again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from escalate.bundle import released_bundle
from escalate.policy import LANGUAGES
from escalate.text import NORMALISER_VERSION
from training.corpus.checks import refuse_leaks
from training.corpus.messages import Message, corpus_hash, read_split
from training.errors import RecipeError, RunError
from training.files import write_whole
from training.fitting.augmentation import without_diacritics
from training.fitting.distillation import STUDENT, STUDENT_FILE, distil, thin_out
from training.fitting.examples import examples_of, glued, join, pairs_of, variants_of
from training.fitting.fine_tuning import fine_tune, start_heads_from_probe
from training.fitting.losses import LossWeights, positive_weights
from training.fitting.recipe import Recipe, build_recipe
from training.git import git_commit
from training.network.base_encoder import (
    BaseEncoder,
    kept_pieces,
    load_base_encoder,
    prune,
    read_base_encoder,
    save_base_encoder,
)
from training.network.channels import align
from training.network.early_exit import EarlyExit, Network, members
from training.network.model import EscalationModel, average, interpolate, keep_layers
from training.network.restoring import bundle_identity, read_network
from training.network.weights import load_weights, save_weights
from training.printing import say

RECORD: Final = "run.json"
_START: Final = "start"
_RELEASED: Final = "released"

_console = Console(stderr=True)


def train(corpus: Path, recipe: Recipe, folder: Path) -> Network:
    """Train teachers, and a student that answers where it is sure; return the network to serve.

    Where the recipe says so, the released model is a part of the mean of the teachers.

    An interrupted run continues where it stopped when it is started again with the same folder.

    Args:
        corpus: The corpus; its train split is learned.
        recipe: All settings.
        folder: The run folder; checkpoints and the trained networks go there.

    Raises:
        BaseEncoderError: The base encoder cannot be loaded, or the released model has another.
        CorpusError: The corpus cannot be read, or its splits share messages.
        RunError: The folder holds a run of another recipe or corpus, or was begun when another model was
            released.
    """
    messages = read_split(corpus, "train")
    refuse_leaks(corpus)
    _claim(folder, recipe, corpus_hash(corpus))
    base = prepare_base(messages, recipe, folder / "base")
    _start(messages, recipe, base, folder)
    _write_released(recipe, folder)
    for seed in recipe.seeds:
        _teacher(messages, recipe, folder, seed)
    teacher, _ = _read_mean(recipe, folder)
    if not recipe.exit_margin:
        return teacher
    return _joined(recipe, teacher, _student(messages, recipe, base, teacher, folder))


def read_served(recipe: Recipe, folder: Path) -> tuple[Network, BaseEncoder]:
    """Read the network to serve of a finished run, and the base encoder with its tokenizer.

    Raises:
        RunError: The run is not finished.
    """
    if not recipe.exit_margin:
        return _read_mean(recipe, folder)
    student, _ = _read(recipe, folder, STUDENT, student_layers(recipe))
    teacher, base = _read_mean(recipe, folder)
    return _joined(recipe, teacher, student), base


def _joined(recipe: Recipe, teacher: EscalationModel, student: EscalationModel) -> Network:
    return EarlyExit(teacher, student, recipe.shared_layers, recipe.exit_margin).eval()


def student_layers(recipe: Recipe) -> list[int]:
    """Return which layers of a teacher the student starts from: the shared ones, then its own."""
    return [*range(recipe.shared_layers), *recipe.student.layers]


def read_start(recipe: Recipe, folder: Path) -> tuple[EscalationModel, BaseEncoder]:
    """Read the network that the teachers of a run started from: the frozen base with linear probes.

    Raises:
        RunError: The run has not come so far.
    """
    return _read(recipe, folder, _START, recipe.teacher.layers)


def read_teacher(recipe: Recipe, folder: Path, seed: int) -> tuple[EscalationModel, BaseEncoder]:
    """Read a teacher of a run, drawn back towards its start, and the base encoder with its tokenizer.

    Raises:
        RunError: The run has no such teacher.
    """
    start, base = read_start(recipe, folder)
    tuned, _ = _read(recipe, folder, f"teacher-{seed}", recipe.teacher.layers)
    tuned.load_state_dict(interpolate(start, tuned, recipe.interpolation))
    return tuned, base


def _read_mean(recipe: Recipe, folder: Path) -> tuple[EscalationModel, BaseEncoder]:
    """Read the mean of the teachers of a run, and of the released model where the recipe says so."""
    read = [read_teacher(recipe, folder, seed) for seed in recipe.seeds]
    mean, base = read[0]
    mean.load_state_dict(average([model for model, _ in read]))
    if recipe.released_share:
        released, _ = _read(recipe, folder, _RELEASED, recipe.teacher.layers)
        # Export lowers the odds of other languages; in a released model they are lowered already.
        released.language.bias.data = mean.language.bias.data
        mean.load_state_dict(interpolate(mean, released, recipe.released_share))
    return mean.eval(), base


def _read(
    recipe: Recipe, folder: Path, name: str, layers: Sequence[int]
) -> tuple[EscalationModel, BaseEncoder]:
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        raise RunError(f"{folder} has no {file.name}; run `python -m training train --run {folder}`")
    base = read_base_encoder(folder / "base")
    model = EscalationModel(keep_layers(base.model, list(layers)))
    load_weights(model, file)
    return model.eval(), base


@dataclass(frozen=True)
class RunRecord:
    """What a run was started with.

    Attributes:
        recipe: Its recipe.
        corpus: SHA-256 of its corpus.
        normaliser: Version of the text normaliser.
        commit: Commit of the checkout.
        released: Version and checksum of the released model that its teachers are averaged with, if any.
    """

    recipe: Recipe
    corpus: str
    normaliser: int
    commit: str
    released: Mapping[str, str] | None = None


def read_record(folder: Path) -> RunRecord:
    """Read what a run was started with.

    Raises:
        RunError: There is no run in the folder, or its record is damaged.
    """
    path = folder / RECORD
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        recipe = build_recipe(data.pop("recipe"), str(path))
        return RunRecord(recipe=recipe, **data)
    except OSError as error:
        raise RunError(f"{folder} holds no run ({path}: {error.strerror}); train one first") from error
    except RecipeError as error:
        raise RunError(f"{error}: go on with the version that began this run, or delete {folder}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); delete {folder} and train again") from error


def _claim(folder: Path, recipe: Recipe, corpus: str) -> None:
    """Bind a folder to a recipe and a corpus, or check that it is bound to them."""
    if (folder / RECORD).is_file():
        found = read_record(folder)
        differences = {
            "recipe": found.recipe != recipe,
            "corpus": found.corpus != corpus,
            "normaliser": found.normaliser != NORMALISER_VERSION,
        }
        if changed := [name for name, differs in differences.items() if differs]:
            raise RunError(
                f"{folder} holds a run with another {', '.join(changed)}; "
                "choose another --run folder or delete it"
            )
        if found.commit != (commit := git_commit()):
            say(
                _console,
                f"This run was begun at commit {found.commit} and goes on at {commit}: where the code that "
                "trains differs, its networks are of both. Its bundle will name the first.",
                "yellow",
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    released = bundle_identity(released_bundle()) if recipe.released_share else None
    record = RunRecord(recipe, corpus, NORMALISER_VERSION, git_commit(), released)
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=2) + "\n")


def prepare_base(messages: Sequence[Message], recipe: Recipe, folder: Path) -> BaseEncoder:
    """Return the recipe's base encoder with the pieces that the languages and messages need.

    It is kept in ``folder`` and read from there the next time.

    Raises:
        BaseEncoderError: It cannot be loaded.
    """
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
                yield without_diacritics(word)


def _start(messages: Sequence[Message], recipe: Recipe, base: BaseEncoder, folder: Path) -> None:
    """Write the network that every teacher starts from: the base with linear probes as heads."""
    file = folder / f"{_START}.safetensors"
    if file.is_file():
        return
    _console.print("[bold]Linear probe[/bold] of the frozen base")
    model = EscalationModel(keep_layers(base.model, list(recipe.teacher.layers)))
    start_heads_from_probe(model, base.tokenizer, examples_of(messages), recipe.teacher.max_tokens)
    save_weights(model.cpu(), file)


def _write_released(recipe: Recipe, folder: Path) -> None:
    """Write the weights of the released model, with its channels in the order of the run's own networks."""
    file = folder / f"{_RELEASED}.safetensors"
    if not recipe.released_share or file.is_file():
        return
    bundle, begun_with = released_bundle(), read_record(folder).released
    if begun_with != bundle_identity(bundle):
        version = begun_with["version"] if begun_with else "none"
        raise RunError(
            f"{folder} was begun when model {version} was released, now another one is: go on in the "
            "checkout that began it, or delete the folder"
        )
    start, base = read_start(recipe, folder)
    network, released_base = read_network(bundle)
    pieces = released_base.tokenizer.get_vocab()
    save_weights(align(members(network)[0], pieces, start, base.tokenizer.get_vocab()), file)


def _teacher(messages: Sequence[Message], recipe: Recipe, folder: Path, seed: int) -> None:
    name = f"teacher-{seed}"
    settings = recipe.teacher
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        _console.print(f"[bold]Teacher[/bold] of {len(settings.layers)} layers, seed {seed}")
        model, base = _read(recipe, folder, _START, settings.layers)
        latin_letters = recipe.latin_letters[recipe.seeds.index(seed)]
        examples = pairs_of(messages, settings.copies, seed, latin_letters, recipe.own_letters)
        positive = positive_weights(examples.labels)
        weights = LossWeights(positive=positive, consistency=recipe.consistency)
        fine_tune(model, base.tokenizer, examples, settings, weights, folder / name, seed)
        save_weights(model.cpu(), file)


def _student(
    messages: Sequence[Message],
    recipe: Recipe,
    base: BaseEncoder,
    teacher: EscalationModel,
    folder: Path,
) -> EscalationModel:
    if (folder / STUDENT_FILE).is_file():
        return _read(recipe, folder, STUDENT, student_layers(recipe))[0]
    settings, seed, shared = recipe.student, recipe.seeds[0], recipe.shared_layers
    _console.print(f"[bold]Student[/bold] of {len(settings.layers)} layers on the teacher's lowest {shared}")
    extra = glued(messages, round(recipe.glued * len(messages) * settings.copies), seed)
    examples = join(variants_of(messages, settings.copies, seed), extra)
    student = thin_out(teacher, student_layers(recipe))
    distil(student, teacher, base.tokenizer, examples, recipe, shared, folder, seed)
    return student
