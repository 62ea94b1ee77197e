"""Metamers: pictures with the logits of one image and everything else of another, computed and not searched for.

Jacobsen et al., arXiv 1811.00401, section 3.1 ("metameric sampling"): x = F⁻¹(z_s of a, z_n of b).
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from methods import randomness
from methods.errors import BadData
from methods.evaluation.similarity import l2, ssim
from methods.invertibility.inverting import Images, decode, in_double

Labels = Int[Tensor, " n"]
Classifier = Callable[[Images], Float[Tensor, "n k"]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metamers:
    """n pictures, and what became of each.

    images: float64, as the inverse gives them; `shown` within [0, 1]. logit_error: max |F(x)_s − z_s(a)|.
    inverse_error: max |F⁻¹(F(x)) − x|. out_of_range: share of the pixels outside [0, 1] by more than a rounding.
    predicted, predicted_shown: by the network, for the picture as it is and as shown. seen: by the independent
    classifier, for what is shown. sound: within the tolerance. vulnerable: sound, predicted as a, and seen as b.
    """

    images: Images
    logit_error: Float[Tensor, " n"]
    inverse_error: Float[Tensor, " n"]
    out_of_range: Float[Tensor, " n"]
    predicted: Labels
    predicted_shown: Labels
    seen: Labels
    l2_to_a: Float[Tensor, " n"]
    l2_to_b: Float[Tensor, " n"]
    ssim_to_a: Float[Tensor, " n"]
    ssim_to_b: Float[Tensor, " n"]
    sound: Bool[Tensor, " n"]
    vulnerable: Bool[Tensor, " n"]

    @property
    def shown(self) -> Images:
        return self.images.clamp(0, 1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metameric:
    """The attack and its gates: a picture whose errors exceed them shows the arithmetic and not the network.

    logit_tolerance: in units of the logits. inverse_tolerance: in units of the full range of one pixel.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    logit_tolerance: Annotated[float, Gt(0)] = 1e-3
    inverse_tolerance: Annotated[float, Gt(0)] = 1e-3

    @torch.no_grad()
    def __call__(
        self, network: nn.Module, independent: Classifier, a: Images, b: Images, labels_a: Labels, labels_b: Labels
    ) -> Metamers:
        """A metamer of each pair, computed in float64.

        independent: another classifier, in eval mode, for float32 images; it stands for what the picture looks like.
        Raises `BadData` where a pair has one class, `NotInvertible` where a picture is not finite.
        """
        if (labels_a == labels_b).any():
            raise BadData(
                problem=f"{int((labels_a == labels_b).sum())} of {len(labels_a)} pairs have one class",
                remedy="draw them by `pairs`",
            )
        double, a, b = in_double(network), a.double(), b.double()
        logits, x = _mixed(double, a, b)
        z = double.encode(x)[0]
        logit_error = (z[:, : double.classes] - logits).abs().amax(1)
        inverse_error = (decode(double, z) - x).abs().flatten(1).amax(1)
        shown, sound = x.clamp(0, 1), (logit_error <= self.logit_tolerance) & (inverse_error <= self.inverse_tolerance)
        predicted, seen = z[:, : double.classes].argmax(1), independent(shown.float()).argmax(1)
        return Metamers(
            images=x,
            logit_error=logit_error,
            inverse_error=inverse_error,
            out_of_range=((x - shown).abs() > self.inverse_tolerance).double().flatten(1).mean(1),
            predicted=predicted,
            predicted_shown=double(shown).argmax(1),
            seen=seen,
            l2_to_a=l2(shown, a),
            l2_to_b=l2(shown, b),
            ssim_to_a=ssim(shown, a),
            ssim_to_b=ssim(shown, b),
            sound=sound,
            vulnerable=sound & (predicted == labels_a) & (seen == labels_b),
        )


def pairs(labels: Labels, n: int, *, seed: int) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Rows of n pairs of images of different classes, each drawn uniformly from all such pairs.

    Raises `BadData` where there is one class alone.
    """
    labels = labels.cpu()
    if (labels == labels[0]).all():
        raise BadData(
            problem=f"all {len(labels)} images have class {labels[0].item()}", remedy="take images of several"
        )
    draw, found = randomness.generator(seed, "metameric pairs"), torch.empty(0, 2, dtype=torch.int64)
    while len(found) < n:
        drawn = torch.randint(len(labels), (2 * n, 2), generator=draw)
        found = torch.cat([found, drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]])
    return found[:n, 0], found[:n, 1]


@torch.no_grad()
def interpolate(network: nn.Module, a: Images, b: Images, *, steps: int) -> Float[Tensor, "n steps c h w"]:
    """Pictures with the logits of a, whose nuisance goes from a's to b's along a line; float64, not clamped."""
    double = in_double(network)
    start, end = double.encode(a.double())[0], double.encode(b.double())[0]
    end[:, : double.classes] = start[:, : double.classes]
    shares = torch.linspace(0, 1, steps, dtype=torch.float64, device=a.device)
    return torch.stack([decode(double, torch.lerp(start, end, share)) for share in shares], 1)


def _mixed(network: Any, a: Images, b: Images) -> tuple[Float[Tensor, "n classes"], Images]:
    """The logits of a, and the pictures that have them with the nuisance of b."""
    logits, z = network.encode(a)[0][:, : network.classes], network.encode(b)[0]
    return logits, decode(network, torch.cat([logits, z[:, network.classes :]], 1))
