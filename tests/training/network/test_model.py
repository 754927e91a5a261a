from __future__ import annotations

from pathlib import Path

import torch

from training.network.base_encoder import load_base_encoder
from training.network.model import EscalationModel, Logits


def _answer(model: EscalationModel) -> Logits:
    ids = torch.arange(3, 19).reshape(2, 8)
    with torch.inference_mode():
        logits: Logits = model(ids, torch.ones_like(ids))
    return logits


def test_dropout_disturbs_learning_as_far_as_it_is_set(tiny_base: Path) -> None:
    model = EscalationModel(load_base_encoder(str(tiny_base)).model)
    settled = _answer(model.eval()).embedding
    torch.manual_seed(1)
    model.set_dropout(0.5)
    assert not torch.allclose(_answer(model.train()).embedding, settled, atol=1e-3)
    torch.testing.assert_close(_answer(model.eval()).embedding, settled)
    model.set_dropout(0.0)
    torch.testing.assert_close(_answer(model.train()).embedding, settled)
