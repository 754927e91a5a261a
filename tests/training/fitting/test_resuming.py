from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from training.corpus.messages import read_split
from training.errors import RunError
from training.fitting import fine_tuning
from training.fitting.examples import collate, examples_of
from training.fitting.fine_tuning import fine_tune, steps_between
from training.fitting.losses import LossWeights
from training.fitting.pipeline import read_teacher
from training.fitting.recipe import Recipe
from training.network.model import EscalationModel

SAVE_STEPS = 4


class PowerCutError(Exception):
    pass


def test_an_interrupted_stage_goes_on_from_its_last_whole_checkpoint(
    tiny_run: Path,
    tiny_corpus: Path,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "steps_between", lambda steps: SAVE_STEPS)
    examples = examples_of(read_split(tiny_corpus, "train"))
    settings = replace(tiny_recipe.teacher, batch_size=32)
    steps = -(-len(examples) // settings.batch_size)
    _, base = read_teacher(tiny_recipe, tiny_run, 1)
    batches = 0
    cut_at: int | None = 2 * SAVE_STEPS + 2

    def counting(items: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
        nonlocal batches
        batches += 1
        if batches == cut_at:
            raise PowerCutError
        return collate(items, pad)

    monkeypatch.setattr(fine_tuning, "collate", counting)

    def start() -> EscalationModel:
        weights = LossWeights(positive=(1.0, 1.0, 1.0))
        model = EscalationModel(base.model)
        return fine_tune(model, base.tokenizer, examples, settings, weights, tmp_path, seed=3)

    with pytest.raises(PowerCutError):
        start()
    done = 2 * SAVE_STEPS
    assert (tmp_path / f"checkpoint-{done}").is_dir()
    # A checkpoint that was cut off while it was written does not block the way.
    broken = tmp_path / "checkpoint-999"
    broken.mkdir()
    (broken / "trainer_state.json").write_text('{"global_step": 9', encoding="utf-8")
    batches, cut_at = 0, None
    start()
    assert batches == steps - done
    state = json.loads((tmp_path / f"checkpoint-{steps}" / "trainer_state.json").read_text())
    assert state["global_step"] == steps
    assert not broken.exists()
    trained = [entry["step"] for entry in state["log_history"] if "loss" in entry]
    assert trained == sorted(set(trained))


def test_two_trainings_do_not_share_checkpoints(
    tiny_run: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    examples = examples_of(read_split(tiny_corpus, "train")[:8])
    _, base = read_teacher(tiny_recipe, tiny_run, 1)
    weights = LossWeights(positive=(1.0, 1.0, 1.0))
    with FileLock(tmp_path / "lock"), pytest.raises(RunError, match="another training is writing"):
        fine_tune(
            EscalationModel(base.model), base.tokenizer, examples, tiny_recipe.teacher, weights, tmp_path, 3
        )


@pytest.mark.parametrize(("steps", "between"), [(1, 1), (9, 1), (100, 10), (90_000, 200)])
def test_checkpoints_are_written_often_enough(steps: int, between: int) -> None:
    assert steps_between(steps) == between
