"""Training squares never twice the same: mirrored, turned, in other colours."""

import torch
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "n 3 side side"]


def vary(images: Images, *, colour: float, draw: torch.Generator) -> Images:
    """Each square image mirrored or not, turned by 0, 90, 180 or 270 degrees, its channels in any order.

    colour: each channel is multiplied by a number in 1 ± colour, and moved by one in ± colour / 2, then clamped.
    """
    count = len(images)
    turns = torch.randint(4, (count,), generator=draw, device=images.device).tolist()
    mirrors = torch.randint(2, (count,), generator=draw, device=images.device).tolist()
    order = torch.rand(count, 3, generator=draw, device=images.device).argsort(1)
    turned = [
        torch.rot90(image.flip(-1) if mirror else image, turn, (1, 2))
        for image, turn, mirror in zip(images, turns, mirrors, strict=True)
    ]
    chosen = torch.stack(turned)[torch.arange(count, device=images.device)[:, None], order]
    gain, offset = (2 * torch.rand(2, count, 3, 1, 1, generator=draw, device=images.device) - 1) * colour
    return (chosen * (1 + gain) + offset / 2).clamp(0, 1)
