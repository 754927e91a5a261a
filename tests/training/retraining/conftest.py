"""Fixtures of retraining: the tiny recipe as a file, and a folder to work in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.fitting.recipe import Recipe


@pytest.fixture(scope="session")
def recipe_file(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny recipe as TOML, with a rate high enough for a random encoder."""
    data = tiny_recipe.to_dict()
    stages = {name: data.pop(name) for name in ("teacher", "student")}
    stages["teacher"]["learning_rate"] = 4e-3
    lines = [f"{name} = {json.dumps(value)}" for name, value in data.items()]
    for name, settings in stages.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder that commands run in, so that ``runs`` and ``models`` go there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
