from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[3] / "training" / "quickstart.ipynb"


def test_the_notebook_runs_from_tickets_to_scored_rows(
    tmp_path: Path,
    tiny_bundle: Path,
    tiny_corpus: Path,
    recipe_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    options = ["--epochs", "1", "--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file]
    parameters.source += (
        f"\ntrain_options = {[str(option) for option in options]}\nagainst = {str(tiny_bundle)!r}\n"
    )
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in outputs)
    assert "wrote runs/quickstart/model" in text
    assert "labels are disputed, the most doubtful first" in text
    assert " comparisons" in text
    assert "Retraining is due." in text
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3
    rows = (tmp_path / "runs" / "quickstart" / "scored.csv").read_text(encoding="utf-8")
    assert "escalate" in rows


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
