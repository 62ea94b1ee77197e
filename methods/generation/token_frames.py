"""Rows of a whole network as codes of a few numbers per token, and back, in closed form.

A shared network cannot know along which directions each of thousands of tokens varies; the rows themselves do. Each
token is described along the principal components of the whole rows, restricted to the token:

    x_t = x̄_t + (s + δ_t) B_t

B_t (r×w) are the components, scaled to their std, at the numbers of token t. s is the row's own code, the same for all
its tokens; δ_t is by how much this token departs from it, the posterior mean under δ_t ~ N(0, I) and independent noise
of the variance that s leaves unexplained in the token. So entry j means the same in every token, tokens of one row
agree unless they have a reason not to, and a small network shared by all tokens can model them together. With δ = 0 a
row lies in the affine hull of the snapshots; δ takes it out of there, each token within its own hull.
"""

import dataclasses
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from methods.columns import COLUMNS
from methods.generation.tokens import Tokens

TINY = 1e-30
"""Added to variances, so that a token that never varies has the departure 0 instead of 0/0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Tokens of one tensor, the columns that they cover, and these columns of some rows and of the train rows."""

    tokens: slice
    columns: slice
    mean: Float[Tensor, " c"]
    rows: Float[Tensor, "n c"]
    """About the mean train row, as are `train`."""
    train: Float[Tensor, "k c"]
    frame: Float[Tensor, "r c"]


@dataclasses.dataclass(frozen=True)
class TokenFrames:
    """The frames B_t of all tokens, computed anew from the train rows, block by block; memory is that of one block.

    axes: unit eigenvectors of the centred Gram matrix; std: of the components (`gram_pca.components`), both float64.
    """

    train: Float[Tensor, "k D"]
    tokens: Tokens
    axes: Float[Tensor, "k r"]
    std: Float[Tensor, " r"]

    @property
    def _own_codes(self) -> Float[Tensor, "k r"]:
        return (len(self.axes) - 1) ** 0.5 * self.axes

    def _blocks(self, rows: Float[Tensor, "n D"]) -> Iterator[Block]:
        device = self.axes.device
        projection = (self._own_codes.T / (len(self.axes) - 1)).float()
        for tokens, columns in self.tokens.blocks(COLUMNS):
            train = self.train[:, columns].to(device)
            mean = train.mean(0, dtype=torch.float64).float()
            train = train - mean
            yield Block(tokens, columns, mean, rows[:, columns].to(device) - mean, train, projection @ train)

    def codes(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n r"]:
        """s: coordinates along the components, of variance 1 over the train rows."""
        products = torch.zeros(len(rows), len(self.axes), dtype=torch.float64, device=self.axes.device)
        for block in self._blocks(rows):
            products += block.rows.double() @ block.train.double().T
        return (products @ self._own_codes / self.std.square() / (len(self.axes) - 1)).float()

    def departures(self, rows: Float[Tensor, "n D"], codes: Float[Tensor, "n r"]) -> Float[Tensor, "n t r"]:
        """δ, given the rows' `codes`."""
        found = torch.empty(len(rows), self.tokens.count, len(self.std), device=self.axes.device)
        own, lengths = self._own_codes.float(), self.tokens.length.to(self.axes.device)
        for block in self._blocks(rows):
            frame = self.tokens.cut(block.frame)
            unexplained = self.tokens.cut(block.train - own @ block.frame).square().sum((0, 2)) / (len(own) - 1)
            system = torch.einsum("itw,jtw->tij", frame, frame).double()
            system.diagonal(dim1=1, dim2=2).add_((unexplained / lengths[block.tokens]).double()[:, None] + TINY)
            rest = self.tokens.cut(block.rows - codes @ block.frame)
            target = torch.einsum("jtw,ntw->tjn", frame, rest).double()
            found[:, block.tokens] = torch.linalg.solve(system, target).permute(2, 0, 1).float()
        return found

    def _decoded(
        self, block: Block, codes: Float[Tensor, "n r"], departures: Float[Tensor, "n t r"]
    ) -> Float[Tensor, "n c"]:
        weights = codes[:, None] + departures[:, block.tokens]
        values = torch.einsum("ntr,rtw->ntw", weights, self.tokens.cut(block.frame))
        return self.tokens.join(values, block.frame.shape[1])

    def decode(self, codes: Float[Tensor, "n r"], departures: Float[Tensor, "n t r"]) -> Float[Tensor, "n D"]:
        """On the CPU."""
        rows = torch.empty(len(codes), self.train.shape[1])
        for block in self._blocks(rows[:0]):
            rows[:, block.columns] = (self._decoded(block, codes, departures) + block.mean).cpu()
        return rows

    def variance_kept(
        self, rows: Float[Tensor, "n D"], codes: Float[Tensor, "n r"], departures: Float[Tensor, "n t r"]
    ) -> float:
        """1 less the share of the rows' sum of squares, about the mean train row, that decoding does not bring back."""
        lost = torch.zeros((), dtype=torch.float64, device=self.axes.device)
        total = torch.zeros_like(lost)
        for block in self._blocks(rows):
            lost += (block.rows - self._decoded(block, codes, departures)).double().square().sum()
            total += block.rows.double().square().sum()
        return 1 - (lost / total).item()
