"""A linear map between the features of two networks, folded into the linear layer that reads them."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from methods.errors import BadData
from methods.evaluation.boundary import pixels


@dataclasses.dataclass(frozen=True, slots=True)
class FeatureMap:
    """An affine map: `weight @ recipient_features + bias` approximates the donor's features of the same image."""

    weight: Float[Tensor, "donor recipient"]
    bias: Float[Tensor, " donor"]

    def fold(
        self, weights: Float[Tensor, "models classes donor"], biases: Float[Tensor, "models classes"]
    ) -> tuple[Float[Tensor, "models classes recipient"], Float[Tensor, "models classes"]]:
        """Weights and biases of heads that read the recipient's features, from heads that read the donor's."""
        return weights @ self.weight, biases + weights @ self.bias


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LeastSquares:
    """Model stitching by ridge regression: Lenc and Vedaldi, arXiv 1411.5908; Bansal et al., arXiv 2106.07682.

    A permutation matches units one to one, which independently trained networks allow only in part. A linear map
    allows each unit of the donor to be a combination of the recipient's. It is fitted on images without their labels.

    ridge: added to the diagonal of the covariance of the recipient's features, as a share of their mean variance.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["least_squares"] = "least_squares"
    ridge: Annotated[float, Gt(0)] = 0.1

    def __call__(
        self, donor: Float[Tensor, "images donor"], recipient: Float[Tensor, "images recipient"]
    ) -> FeatureMap:
        """Features of the same images, line by line. Raises `BadData` where the recipient's features are constant."""
        of_donor, of_recipient = donor.double(), recipient.double()
        mean, centre = of_donor.mean(0), of_recipient.mean(0)
        x = of_recipient - centre
        covariance = x.T @ x / len(x)
        variance = covariance.diagonal().mean()
        if variance == 0:
            raise BadData(
                problem="the recipient's features are the same for all images",
                remedy="fit the map on images that differ, with a network that distinguishes them",
            )
        regularised = covariance + self.ridge * variance * torch.eye(len(covariance), dtype=x.dtype, device=x.device)
        solved = torch.linalg.solve(regularised, x.T @ (of_donor - mean) / len(x))
        return FeatureMap(solved.T.to(donor.dtype), (mean - centre @ solved).to(donor.dtype))


@torch.no_grad()
def layer_inputs(
    network: nn.Module, layer: str, images: UInt8[Tensor, "n c h w"], *, batch: int = 100
) -> Float[Tensor, "n units"]:
    """What the linear layer of this name reads for each image, the network being in eval mode."""
    found: list[Tensor] = []
    device = next(network.parameters()).device
    hook = network.get_submodule(layer).register_forward_pre_hook(
        lambda module, arguments: found.append(arguments[0].detach().clone())
    )
    try:
        for start in range(0, len(images), batch):
            network(pixels(images[start : start + batch].to(device)))
    finally:
        hook.remove()
    return torch.cat(found)
