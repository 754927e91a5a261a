from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import Result

from escalate import Classifier
from escalate.bundle import MANIFEST
from tests.training.retraining.making import COLUMNS, SHIFTED, make_tickets, run, write_csv
from training.fitting import fine_tuning
from training.fitting.losses import LossWeights, loss_of
from training.network.model import Logits
from training.retraining import export, learning

Command = Callable[..., Result]


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

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "compare_forms", cut)
    result = train("--epochs", "1")
    assert result.exit_code == 1
    assert "interrupted; nothing is half-written, run the same command again" in result.output
    assert not (workplace / "models").exists()


@pytest.mark.parametrize("fewest", [20, 200])
def test_an_interrupted_run_goes_on_and_another_one_is_refused(
    workplace: Path, train: Command, monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    """With and without early stopping by the 30 validation messages; the student is not counted."""
    monkeypatch.setattr(learning, "FEWEST_TO_WATCH", fewest)
    tickets = make_tickets(300, SHIFTED)
    data = write_csv(workplace / "tickets.csv", tickets)
    learned = 0
    cut_at: int | None = 15

    def counting(logits: Logits, batch: dict[str, torch.Tensor], weights: LossWeights) -> torch.Tensor:
        nonlocal learned
        if torch.is_grad_enabled() and "target_outputs" not in batch:
            learned += 1
            if learned == cut_at:
                raise KeyboardInterrupt
        return loss_of(logits, batch, weights)

    monkeypatch.setattr(fine_tuning, "loss_of", counting)

    cut = train("--epochs", "2")
    assert cut.exit_code == 1
    assert "interrupted; the same command goes on" in cut.output
    assert not (workplace / "models").exists()

    other = train("--epochs", "3")
    assert other.exit_code == 1
    assert "other --epochs" in other.output

    learned, cut_at = 0, None
    done = train("--epochs", "2")
    assert done.exit_code == 0, done.output
    assert Classifier.load("models/mine").version == "m"
    # 240 own messages twice, as many of the corpus, 32 a step; what a checkpoint holds is not done again.
    assert learned == 30 - 12

    learned = 0
    before = (workplace / "models" / "mine" / "model.onnx").read_bytes()
    again = train("--epochs", "2")
    assert again.exit_code == 0, again.output
    assert learned == 0
    assert (workplace / "models" / "mine" / "model.onnx").read_bytes() == before

    write_csv(data, tickets[1:])
    changed = train("--epochs", "2")
    assert changed.exit_code == 1
    assert "other data" in changed.output
    assert (workplace / "models" / "mine" / "model.onnx").read_bytes() == before


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
