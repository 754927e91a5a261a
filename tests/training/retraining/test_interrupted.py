from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import Result

from escalate import Classifier
from escalate.bundle import MANIFEST
from tests.training.retraining.making import COLUMNS, SHIFTED, make_tickets, run, write_csv
from training.fitting import fine_tuning
from training.fitting.losses import LossWeights, loss_of
from training.network.model import Logits
from training.retraining import export, learning

Command = Callable[..., Result]


class Steps:
    """Counts the steps in which a network learns, those of a student left out, and cuts one off."""

    def __init__(self) -> None:
        self.learned = 0
        self.cut_at: int | None = None

    def __call__(self, logits: Logits, batch: dict[str, torch.Tensor], weights: LossWeights) -> torch.Tensor:
        if torch.is_grad_enabled() and "target_outputs" not in batch:
            self.learned += 1
            if self.learned == self.cut_at:
                raise KeyboardInterrupt
        return loss_of(logits, batch, weights)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    counting = Steps()
    monkeypatch.setattr(fine_tuning, "loss_of", counting)
    return counting


def cut_here(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def train(workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path) -> Command:
    """The command that trains on the tickets in the workplace, from the tiny bundle on."""
    given = ("--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file, "--version", "m")

    def command(*options: str) -> Result:
        return run(
            "train", "--data", workplace / "tickets.csv", "--out", "models/mine", *given, *COLUMNS, *options
        )

    return command


def test_an_interrupted_command_ends_in_one_sentence(
    workplace: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here while the bundle is measured, after training."""
    write_csv(workplace / "tickets.csv", make_tickets(60, SHIFTED))
    monkeypatch.setattr(export, "compare_forms", cut_here)
    result = train("--epochs", "1")
    assert result.exit_code == 1
    assert "interrupted; nothing is half-written, run the same command again" in result.output
    assert not (workplace / "models").exists()


@pytest.mark.parametrize("fewest", [20, 200])
def test_an_interrupted_run_goes_on_and_another_one_is_refused(
    workplace: Path, train: Command, steps: Steps, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    """With and without early stopping by the 30 validation messages."""
    monkeypatch.setattr(learning, "FEWEST_TO_WATCH", fewest)
    tickets = make_tickets(300, SHIFTED)
    data = write_csv(workplace / "tickets.csv", tickets)
    steps.cut_at = 15
    cut = train("--epochs", "2")
    assert cut.exit_code == 1
    assert "interrupted; the same command goes on" in cut.output
    assert not (workplace / "models").exists()

    other = train("--epochs", "3")
    assert other.exit_code == 1
    assert "other --epochs" in other.output

    steps.learned, steps.cut_at = 0, None
    done = train("--epochs", "2")
    assert done.exit_code == 0, done.output
    assert Classifier.load("models/mine").version == "m"
    # 240 own messages twice, as many of the corpus, 32 a step; what a checkpoint holds is not done again.
    assert steps.learned == 30 - 12

    steps.learned = 0
    before = (workplace / "models" / "mine" / "model.onnx").read_bytes()
    again = train("--epochs", "2")
    assert again.exit_code == 0, again.output
    assert steps.learned == 0
    assert (workplace / "models" / "mine" / "model.onnx").read_bytes() == before

    write_csv(data, tickets[1:])
    changed = train("--epochs", "2")
    assert changed.exit_code == 1
    assert "other data" in changed.output
    assert (workplace / "models" / "mine" / "model.onnx").read_bytes() == before


@pytest.mark.parametrize("start", ["bundle", "base"])
def test_a_run_that_goes_on_learns_what_an_uninterrupted_one_learns(
    workplace: Path, train: Command, steps: Steps, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """From a bundle with early stopping, from the base encoder without; the student follows after the cut."""
    monkeypatch.setattr(learning, "FEWEST_TO_WATCH", 5 if start == "bundle" else 200)
    # What comes after the training is not looked at.
    monkeypatch.setattr(export, "draft_bundle", cut_here)
    write_csv(workplace / "tickets.csv", make_tickets(100, SHIFTED))
    options = ("--epochs", "2", *(("--start", "base") if start == "base" else ()))
    steps.cut_at = 6
    assert "interrupted; the same command goes on" in train(*options).output
    learned = {}
    for name in ("mine", "whole"):
        steps.learned, steps.cut_at = 0, None
        trained = train(*options, "--run", f"runs/{name}")
        assert "run the same command again" in trained.output, trained.output
        learned[name] = steps.learned
    # 80 own messages twice, as many of the corpus, 32 a step, a checkpoint after each.
    assert learned["mine"] == learned["whole"] - 5
    weights = {path.name for path in Path("runs/whole").glob("*.safetensors")}
    assert {path.name for path in Path("runs/mine").glob("*.safetensors")} == weights
    assert len(weights) == 2
    for name in weights:
        mine, whole = load_file(f"runs/mine/{name}"), load_file(f"runs/whole/{name}")
        torch.testing.assert_close(mine, whole)


def test_a_run_that_is_cut_while_its_student_learns_trains_no_teacher_again(
    workplace: Path, train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(workplace / "tickets.csv", make_tickets(120, SHIFTED))
    learned = {"teacher": 0, "student": 0}
    cutting = True

    def counting(logits: Logits, batch: dict[str, torch.Tensor], weights: LossWeights) -> torch.Tensor:
        if torch.is_grad_enabled():
            who = "student" if "target_outputs" in batch else "teacher"
            learned[who] += 1
            if cutting and learned["student"] == 2:
                raise KeyboardInterrupt
        return loss_of(logits, batch, weights)

    monkeypatch.setattr(fine_tuning, "loss_of", counting)
    cut = train("--epochs", "1")
    assert cut.exit_code == 1
    assert "interrupted; the same command goes on" in cut.output
    taught = learned["teacher"]
    assert taught > 0
    said = np.load(workplace / "runs" / "mine" / "targets.npz")["texts"]

    cutting = False
    done = train("--epochs", "1")
    assert done.exit_code == 0, done.output
    assert learned["teacher"] == taught
    assert learned["student"] > 2
    # The teacher's answers belong to the texts of the second start too.
    assert np.load(workplace / "runs" / "mine" / "targets.npz")["texts"] == said
    manifest = json.loads((workplace / "models" / "mine" / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["metrics"]["student"].keys() == {"cs", "en"}
