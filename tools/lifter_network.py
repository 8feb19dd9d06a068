"""The network that lifts keypoints to joints while it learns; fitting/starts/lifter.py runs it."""

import numpy as np
import torch
from torch import Tensor, nn

from fitting.joints import LSP_14
from fitting.starts.lifter import (
    INPUTS,
    split_output,
)

WIDTH, BLOCKS, DROPOUT = 768, 2, 0.0


class Network(nn.Module):
    """fitting.starts.lifter.Lifter with batch normalisation and dropout for learning."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _layer(INPUTS)
        self.blocks = nn.ModuleList(
            nn.Sequential(_layer(WIDTH), _layer(WIDTH)) for _ in range(BLOCKS)
        )
        self.last = nn.Linear(WIDTH, 4 * len(LSP_14))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return split_output(self.last(x))

    @torch.no_grad()
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of a Lifter; the final normalisation is merged into the layers."""
        hidden = [_folded(layer) for block in self.blocks for layer in block]
        first, last = _folded(self.first), (self.last.weight, self.last.bias)
        return {
            "first_weight": first[0].numpy(),
            "first_bias": first[1].numpy(),
            "hidden_weight": torch.stack([weight for weight, _ in hidden]).numpy(),
            "hidden_bias": torch.stack([bias for _, bias in hidden]).numpy(),
            "last_weight": last[0].numpy(),
            "last_bias": last[1].numpy(),
        }


def _layer(inputs: int) -> nn.Sequential:
    parts = nn.Linear(inputs, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)
    return nn.Sequential(*parts)


def _folded(layer: nn.Sequential) -> tuple[Tensor, Tensor]:
    linear, norm = layer[0], layer[1]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return linear.weight * scale[:, None], (linear.bias - norm.running_mean) * scale + norm.bias
