"""An invertible classifier whose every answer is known: z = A·x for an orthogonal A, or any other."""

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Images (n, 1, 2, 3) to z of 6 numbers, the first `classes` of them logits."""

    def __init__(self, matrix: Tensor, classes: int = 2) -> None:
        super().__init__()
        self.matrix, self.classes = nn.Parameter(matrix), classes

    def forward(self, images: Tensor) -> Tensor:
        return self.encode(images)[0][:, : self.classes]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        log_det = torch.linalg.slogdet(self.matrix)[1].expand(len(images))
        return images.flatten(1) @ self.matrix.T, log_det

    def decode(self, z: Tensor) -> Tensor:
        return (z @ torch.linalg.inv(self.matrix).T).view(-1, 1, 2, 3)


def orthogonal(seed: int = 0) -> Tensor:
    return torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(seed))).Q


def pictures(n: int, seed: int = 1) -> Tensor:
    return torch.rand(n, 1, 2, 3, generator=torch.Generator().manual_seed(seed))
