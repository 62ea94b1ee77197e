"""Two invertible, stored maps that bring numbers to unit scale: per coordinate for rows, full whitening for latents."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.columns import columns

RELATIVE_FLOOR = 1e-4
"""Directions whose spread is below this share of the largest are divided by the floor: dividing by a spread near zero
would turn rounding into signal."""


class Standardise(nn.Module):
    """x -> (x - mean)/std, coordinate by coordinate; a coordinate that never varies keeps the value it has."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    @classmethod
    def fit(cls, rows: Float[Tensor, "k D"]) -> "Standardise":
        scale = cls(rows.shape[1]).to(rows.device)
        std = torch.empty(rows.shape[1], dtype=torch.float64, device=rows.device)
        for block in columns(rows.shape[1]):
            part = rows[:, block].double()
            std[block] = part.std(0)
            scale.mean[block] = part.mean(0).float()
        scale.std = std.clamp(min=max(RELATIVE_FLOOR * std.max().item(), torch.finfo(torch.float32).tiny)).float()
        return scale

    def forward(self, rows: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        return (rows - self.mean) / self.std

    def invert(self, rows: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        return rows * self.std + self.mean


class Whiten(nn.Module):
    """z -> (z - mean) W: principal axes of the fitted latents, each divided by its std, at least by `floor`."""

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("matrix", torch.eye(width))
        self.register_buffer("inverse", torch.eye(width))

    @classmethod
    def fit(cls, latents: Float[Tensor, "k d"], *, floor: float = 0.0) -> "Whiten":
        white = cls(latents.shape[1])
        z = latents.double()
        mean = z.mean(0)
        values, axes = torch.linalg.eigh((z - mean).T @ (z - mean) / max(len(z) - 1, 1))
        std = values.clamp(min=0).sqrt()
        std = std.clamp(min=max(floor, RELATIVE_FLOOR * std.max().item(), torch.finfo(torch.float32).tiny))
        # contiguous, as they are after loading: a matrix product rounds differently for another order in memory
        white.matrix, white.inverse = (axes / std).float().contiguous(), (axes * std).T.float().contiguous()
        white.mean = mean.float()
        return white

    def forward(self, latents: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return (latents - self.mean) @ self.matrix

    def invert(self, whitened: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return whitened @ self.inverse + self.mean
