"""Weights of a network as a file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.files import whole_file


def save_weights(network: nn.Module, file: Path) -> None:
    """Write the weights of a network; the file appears only when whole."""
    with whole_file(file) as temporary:
        save_file({k: v.cpu().contiguous() for k, v in network.state_dict().items()}, temporary)


def load_weights(network: nn.Module, file: Path) -> None:
    """Read weights that ``save_weights`` wrote into a network of the same shape."""
    state: dict[str, torch.Tensor] = load_file(file)
    network.load_state_dict(state)
