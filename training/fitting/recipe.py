"""The recipe: everything a training run depends on, read from one TOML file."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from training.errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPE: Final = Path(__file__).with_name("recipe.toml")

LARGEST_WINDOW: Final = 512
"""Positions of the base encoder (multilingual-e5-small), in tokens."""


@dataclass(frozen=True)
class StageSettings:
    """Settings of one fine-tuning stage (teacher or student).

    Attributes:
        layers: Which layers of the base the network keeps, counted from 0. Of a student: which layers of
            the teacher its own ones start from.
        copies: How often each message is seen: once as written, then with harmless changes; all
            copies are shuffled into one pass. A teacher sees every copy in two views.
        batch_size: Messages a step; a teacher sees each of them in two views.
        learning_rate: Highest rate, at the heads and the top layer.
        layer_decay: Factor of the rate from each layer to the one below (1 for equal rates).
        weight_decay: AdamW's decay.
        warmup: Share of the steps in which the rate rises.
        dropout: Share of the values that are left out while learning (0 for none).
        max_tokens: Longer messages are cut for training; serving reads them in windows.
    """

    layers: tuple[int, ...]
    copies: int
    batch_size: int
    learning_rate: float
    layer_decay: float
    weight_decay: float
    warmup: float
    dropout: float
    max_tokens: int


@dataclass(frozen=True)
class Recipe:
    """A whole training run.

    Attributes:
        base: Hugging Face id or local folder of the base encoder.
        seeds: One teacher is trained for each, all from one start; the mean of their weights is
            served, drawn towards the released model by ``released_share``.
        latin_letters: Share of each teacher's Hebrew and Arabic variants that are in Latin letters, one for
            each seed: the mean of teachers that learned differently is better than that of like ones (M.
            Wortsman et al., "Model soups", 2022).
        own_letters: Share of the texts in Latin letters that a teacher learns written back in their own, as
            they are read in service too.
        exit_margin: Distance in logits from which on a student is sure (``early_exit.is_sure``): its answer
            is served then, and the other layers are not computed; 0 for no student.
        shared_layers: How many of the teacher's lowest layers the student reads with.
        vocabulary_words: Commonest words of each language whose pieces are kept.
        interpolation: Share of the fine-tuned weights when the teacher is drawn back towards its
            start (1 keeps the fine-tuned weights as they are).
        released_share: Share of the released model's weights in what is served; the mean of the teachers has
            the rest, and the whole of the biases of the language head (0 for none of it, as another base
            needs). A network that learned an earlier corpus and one that learned this one are good at
            different messages, and their mean keeps both (G. Ilharco et al., "Patching open-vocabulary
            models by interpolating weights", 2022).
        consistency: Weight of the difference between a teacher's answers to two views of a message.
        label_weight: Weight of the corpus' labels beside the teacher's in the student's loss (0..1).
        embedding_weight: Weight of the distance between the student's and the teacher's embedding.
        glued: Extra texts for the student, made of parts of two messages, per message of the corpus.
        window: Longest input of the exported model in tokens.
        overlap: Tokens that windows of a long message share.
        other_share: Share of messages in other languages to go by in service (above 0, below 1); the corpus
            holds more of them, so that they are learned well. A lower share than the real one keeps more
            customers of the four languages, who would otherwise get no answer from the bot, at the price
            of more foreign messages that are read as one of the four.
        offer_recall: Share of the validation messages that must reach a person (positive in any output)
            that reaches the offer threshold.
        escalate_precision: Share of validation messages beyond an escalate threshold that are
            positive.
        teacher: Settings of the teacher stage.
        student: Settings of the student stage.
    """

    base: str
    seeds: tuple[int, ...]
    latin_letters: tuple[float, ...]
    own_letters: float
    exit_margin: float
    shared_layers: int
    vocabulary_words: int
    interpolation: float
    released_share: float
    consistency: float
    label_weight: float
    embedding_weight: float
    glued: float
    window: int
    overlap: int
    other_share: float
    offer_recall: float
    escalate_precision: float
    teacher: StageSettings
    student: StageSettings

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-ready data."""
        return asdict(self)


def read_recipe(path: Path = RECIPE) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: The file cannot be read or a setting is missing, unknown or of a wrong type.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    return build_recipe(data, str(path))


def build_recipe(data: dict[str, Any], where: str) -> Recipe:
    """Build a recipe from the data of ``Recipe.to_dict`` or of a TOML file.

    Args:
        data: The settings.
        where: Where they come from, for errors.

    Raises:
        RecipeError: A setting is missing, unknown, of a wrong type or outside its range.
    """
    stages = {
        name: _build(StageSettings, data.get(name, {}), f"{where} [{name}]")
        for name in ("teacher", "student")
    }
    recipe: Recipe = _build(Recipe, {**data, **stages}, where)
    wrong = {
        "seeds must be different numbers from 0 on, at least one": not _are_distinct(recipe.seeds),
        "latin_letters must be a share from 0 to 1 for each seed": len(recipe.latin_letters)
        != len(recipe.seeds)
        or not all(0 <= share <= 1 for share in recipe.latin_letters),
        "vocabulary_words must be 0 or more": recipe.vocabulary_words < 0,
        f"window must be at most {LARGEST_WINDOW}": recipe.window > LARGEST_WINDOW,
        "overlap must leave a window new tokens": not 0 <= recipe.overlap < recipe.window - 2,
        "other_share must be above 0 and below 1": not 0 < recipe.other_share < 1,
    }
    shares = ("own_letters", "interpolation", "released_share", "label_weight")
    for name in (*shares, "offer_recall", "escalate_precision"):
        wrong[f"{name} must be between 0 and 1"] = not 0 <= getattr(recipe, name) <= 1
    for name in ("exit_margin", "consistency", "embedding_weight", "glued"):
        wrong[f"{name} must be a number from 0 on"] = not 0 <= getattr(recipe, name) < math.inf
    if recipe.exit_margin > 0:
        layers = len(recipe.teacher.layers)
        outside = not set() < set(recipe.student.layers) <= set(range(layers))
        wrong[f"[student] layers must be some of the teacher's {layers}, counted from 0"] = outside
        wrong["shared_layers must leave the teacher a layer"] = not 0 < recipe.shared_layers < layers
    for name, stage in (("teacher", recipe.teacher), ("student", recipe.student)):
        wrong |= {f"[{name}] {reason}": holds for reason, holds in _wrong_in_stage(stage).items()}
    for reason, holds in wrong.items():
        if holds:
            raise RecipeError(f"{where}: {reason}")
    return recipe


def _wrong_in_stage(stage: StageSettings) -> dict[str, bool]:
    return {
        "layers must be different numbers from 0 on, at least one": not _are_distinct(stage.layers),
        "copies must be 1 or more": stage.copies < 1,
        "batch_size must be 1 or more": stage.batch_size < 1,
        "learning_rate must be a number above 0": not 0 < stage.learning_rate < math.inf,
        "layer_decay must be above 0, at most 1": not 0 < stage.layer_decay <= 1,
        "weight_decay must be a number from 0 on": not 0 <= stage.weight_decay < math.inf,
        "warmup must be between 0 and 1": not 0 <= stage.warmup <= 1,
        "dropout must be from 0 on and below 1": not 0 <= stage.dropout < 1,
        f"max_tokens must be from 3 to {LARGEST_WINDOW}": not 3 <= stage.max_tokens <= LARGEST_WINDOW,
    }


def _are_distinct(numbers: tuple[int, ...]) -> bool:
    return len(numbers) == len(set(numbers)) > 0 and min(numbers) >= 0


def _build(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise RecipeError(f"{where} is {data!r}; it must be a table of settings")
    expected = {field.name: str(field.type) for field in fields(cls)}
    if missing := sorted(set(expected) - set(data)):
        raise RecipeError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(set(data) - set(expected)):
        raise RecipeError(f"{where} has the unknown setting {', '.join(unknown)}")
    values = {}
    for name, value in data.items():
        kind = expected[name]
        right = {
            "str": isinstance(value, str),
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": isinstance(value, int | float) and not isinstance(value, bool),
            "tuple[int, ...]": isinstance(value, list) and all(isinstance(v, int) for v in value),
            "tuple[float, ...]": isinstance(value, list) and all(isinstance(v, int | float) for v in value),
        }.get(kind, True)
        if not right:
            raise RecipeError(f"{where}: {name} is {value!r}; it must be {kind}")
        values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)
