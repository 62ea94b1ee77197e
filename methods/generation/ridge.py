"""Ridge regression in closed form (Hoerl & Kennard, "Ridge Regression", Technometrics 12, 1970, equation 2.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.generation.scaling import Standardise


def coefficients(
    x: Float[Tensor, "n inputs"], y: Float[Tensor, "n outputs"], penalty: float
) -> Float[Tensor, "inputs outputs"]:
    """Of y on x, both about their means; `penalty` is added to the variances of x. Computed in float64."""
    x, y = x.double(), y.double()
    square = x.T @ x / len(x)
    square.diagonal().add_(penalty)
    # contiguous, as it is after loading: a matrix product rounds differently for another order in memory
    return torch.linalg.solve(square, x.T @ y / len(x)).float().contiguous()


class Ridge(nn.Module):
    """The fitted regression, on inputs that are brought to mean 0 and variance 1: a module, for its state."""

    matrix: Tensor
    offset: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.scale = Standardise(inputs)
        self.register_buffer("matrix", torch.zeros(inputs, outputs))
        self.register_buffer("offset", torch.zeros(outputs))

    def fit(self, x: Float[Tensor, "n inputs"], y: Float[Tensor, "n outputs"], shrinkage: float) -> None:
        self.scale.load_state_dict(Standardise.fit(x).state_dict())
        self.offset = y.mean(0)
        self.matrix = coefficients(self.scale(x), y - self.offset, shrinkage)

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        return self.scale(x) @ self.matrix + self.offset
