"""Principal components of whole networks from the Gram matrix of their rows, and new codes on them.

A sample is the mean row plus a linear combination of the centred train rows: it lies in the affine hull of the
snapshots, whatever the codes are. That is what makes rows of 11.2 million numbers affordable (K×K instead of D×D, the
"method of snapshots" of Sirovich, "Turbulence and the dynamics of coherent structures", 1987), and all that it gives.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods import randomness
from methods.columns import columns
from methods.errors import BadData
from methods.generation.generator import Accuracy, Fit, Rows
from methods.generation.latent_ddpm import Diffusion, Sampling, draw_latents, train_denoiser
from methods.gram import centred_gram
from methods.progress import OnStep, silent
from methods.training.curve import Curve

RANK_TOLERANCE = 1e-12
"""Components with a smaller share of the largest variance are rounding: rows are float32, sums float64."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GramPca:
    """`codes` are drawn from a normal distribution, or by a DDPM whose denoiser is built for a code length and a seed.

    Codes are uncorrelated as they come; both draw them at unit variance.
    """

    build_denoiser: Callable[..., nn.Module]
    codes: Literal["gaussian", "diffusion"] = "gaussian"
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    name: ClassVar[str] = "gram_pca"

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        """Raises `BadData` where all train rows are the same, `Diverged` where the denoiser does not learn."""
        axes, std = components(rows.train, device)
        sampler = self._sampler(axes, std, rows.train, seed=seed).to(device)
        curves: dict[str, Curve] = {}
        if sampler.denoiser is not None:
            sampler.denoiser, curves["denoiser"] = train_denoiser(
                sampler.denoiser, sampler.train_codes, self.diffusion, seed=seed, on_step=on_step
            )
        shares = std.square() / std.square().sum()
        # what one direction explains says how close to a line the rows lie
        facts = {"components": len(std), "first_component_share": shares[0].item()}
        return Fit(sampler.eval(), curves=curves, facts=facts)

    def restore(self, state: Mapping[str, Tensor], rows: Rows, *, device: torch.device) -> "GramPcaSampler":
        sampler = self._sampler(state["axes"], state["std"], rows.train, seed=0)
        sampler.load_state_dict(dict(state))
        return sampler.to(device).eval()

    def _sampler(self, axes: Tensor, std: Tensor, train: Tensor, *, seed: int) -> "GramPcaSampler":
        denoiser = self.build_denoiser(axes.shape[1], seed=seed) if self.codes == "diffusion" else None
        return GramPcaSampler(axes, std, train, denoiser, self)


def components(rows: Float[Tensor, "k D"], device: torch.device) -> tuple[Float[Tensor, "k r"], Float[Tensor, " r"]]:
    """Unit eigenvectors U of the centred Gram matrix, r ≤ k − 1, and each component's std, largest first; float64.

    U·diag(std)·√(k−1) are the coordinates of the rows along their principal axes: distances between them equal
    distances between rows. Raises `BadData` where all rows are the same.
    """
    values, vectors = torch.linalg.eigh(centred_gram(rows, device=device))
    values, vectors = values.flip(0), vectors.flip(1)
    kept = int((values > RANK_TOLERANCE * values[0]).sum()) if values[0] > 0 else 0
    kept = min(kept, len(rows) - 1)
    if not kept:
        raise BadData(
            problem=f"all {len(rows)} train rows are the same row, so there is nothing to vary",
            remedy="collect with a higher learning rate, or over more epochs",
        )
    return vectors[:, :kept].contiguous(), (values[:kept] / (len(rows) - 1)).sqrt()


class GramPcaSampler(nn.Module):
    """The fitted generator. Its state is K×r numbers and the denoiser; the rows themselves are not part of it."""

    single: ClassVar[bool] = False
    axes: Tensor
    std: Tensor

    def __init__(self, axes: Tensor, std: Tensor, train: Tensor, denoiser: nn.Module | None, method: GramPca) -> None:
        super().__init__()
        self.register_buffer("axes", axes)
        self.register_buffer("std", std)
        self.train_rows, self.denoiser, self.method = train, denoiser, method

    @property
    def train_codes(self) -> Float[Tensor, "k r"]:
        """Of the train rows: uncorrelated, mean 0, variance 1."""
        return ((len(self.axes) - 1) ** 0.5 * self.axes).float()

    @torch.no_grad()
    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        """All n rows in one batch, on the CPU, decoded block by block of columns."""
        draw = randomness.generator(seed, "sample", device=self.axes.device)
        codes = torch.randn(n, self.axes.shape[1], generator=draw, device=self.axes.device)
        if self.denoiser is not None:
            codes = draw_latents(self.denoiser, codes, self.method.diffusion, self.method.sampling, draw, on_step)
        return self.decode(codes)

    def decode(self, codes: Float[Tensor, "n r"]) -> Float[Tensor, "n D"]:
        """x̄ + z Uᵀ(X − x̄)/√(k−1), which is X weighted by numbers that add up to 1."""
        device, k = self.axes.device, len(self.axes)
        weights = codes.double() @ self.axes.T / (k - 1) ** 0.5
        weights = weights - weights.mean(1, keepdim=True) + 1 / k
        rows = torch.empty(len(codes), self.train_rows.shape[1])
        for block in columns(rows.shape[1]):
            rows[:, block] = (weights @ self.train_rows[:, block].to(device, torch.float64)).to("cpu", torch.float32)
        return rows

    def state(self) -> dict[str, Tensor]:
        return {name: value.cpu() for name, value in self.state_dict().items()}
