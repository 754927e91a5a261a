from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from training.errors import RecipeError
from training.fitting.recipe import build_recipe, read_recipe


def _data(**changes: Any) -> dict[str, Any]:
    """Return the project's recipe as data, changed; ``teacher_layers`` are the layers of its teacher."""
    data = asdict(read_recipe())
    for stage in ("teacher", "student"):
        data[stage] |= {name: changes.pop(f"{stage}_{name}", value) for name, value in data[stage].items()}
        data[stage]["layers"] = list(data[stage]["layers"])
    lists = {name: list(data[name]) for name in ("seeds", "latin_letters")}
    return {**data, **lists, **changes}


def test_the_recipe_is_read_as_it_was_written() -> None:
    assert build_recipe(_data(), "it") == read_recipe()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exit_margin": -1.0}, "exit_margin must be a number from 0 on"),
        ({"exit_margin": float("nan")}, "exit_margin must be a number from 0 on"),
        ({"exit_margin": 2.0, "shared_layers": 12}, "shared_layers must leave the teacher a layer"),
        ({"exit_margin": 2.0, "shared_layers": 0}, "shared_layers must leave the teacher a layer"),
        ({"exit_margin": 2.0, "teacher_layers": range(6)}, "some of the teacher's 6, counted from 0"),
        ({"exit_margin": 2.0, "student_layers": []}, "some of the teacher's 12, counted from 0"),
        ({"seeds": [1, 1]}, "seeds must be different numbers"),
        (
            {"seeds": [1, 2], "latin_letters": [0.15]},
            "latin_letters must be a share from 0 to 1 for each seed",
        ),
        (
            {"seeds": [1, 2], "latin_letters": [0.15, 1.5]},
            "latin_letters must be a share from 0 to 1 for each seed",
        ),
        ({"latin_letters": [0.15, "many"]}, "it must be tuple"),
        ({"own_letters": 1.5}, "own_letters must be between 0 and 1"),
        ({"other_share": 1.0}, "other_share must be above 0 and below 1"),
        ({"interpolation": 1.5}, "interpolation must be between 0 and 1"),
        ({"released_share": -0.5}, "released_share must be between 0 and 1"),
        ({"teacher_batch_size": 0}, "[teacher] batch_size must be 1 or more"),
        ({"student_copies": 0}, "[student] copies must be 1 or more"),
        ({"teacher_max_tokens": 2}, "[teacher] max_tokens must be from 3 to 512"),
        ({"teacher_max_tokens": 513}, "[teacher] max_tokens must be from 3 to 512"),
        ({"teacher_learning_rate": 0.0}, "[teacher] learning_rate must be a number above 0"),
        ({"student_learning_rate": float("inf")}, "[student] learning_rate must be a number above 0"),
        ({"teacher_layer_decay": 0.0}, "[teacher] layer_decay must be above 0, at most 1"),
        ({"teacher_layer_decay": 1.1}, "[teacher] layer_decay must be above 0, at most 1"),
        ({"teacher_weight_decay": -0.01}, "[teacher] weight_decay must be a number from 0 on"),
        ({"teacher_warmup": 1.5}, "[teacher] warmup must be between 0 and 1"),
        ({"student_dropout": 1.0}, "[student] dropout must be from 0 on and below 1"),
        ({"teacher_layers": []}, "[teacher] layers must be different numbers from 0 on, at least one"),
        ({"teacher_layers": [0, 0]}, "[teacher] layers must be different numbers from 0 on, at least one"),
        ({"teacher_layers": [-1, 0]}, "[teacher] layers must be different numbers from 0 on, at least one"),
        ({"seeds": [-1]}, "seeds must be different numbers from 0 on, at least one"),
        ({"window": 513}, "window must be at most 512"),
        ({"vocabulary_words": -1}, "vocabulary_words must be 0 or more"),
        ({"consistency": float("nan")}, "consistency must be a number from 0 on"),
        ({"embedding_weight": -1.0}, "embedding_weight must be a number from 0 on"),
        ({"glued": -0.5}, "glued must be a number from 0 on"),
        ({"teacher": 3}, "it [teacher] is 3; it must be a table of settings"),
        ({"served": "student"}, "has the unknown setting served"),
        ({"exit_margin": "2"}, "exit_margin is '2'; it must be float"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match="it") as error:
        build_recipe(_data(**changes), "it")
    assert told in str(error.value)


def test_without_an_early_exit_the_student_does_not_matter() -> None:
    recipe = build_recipe(_data(exit_margin=0.0, teacher_layers=range(2), shared_layers=9), "it")
    assert recipe.teacher.layers == (0, 1)
