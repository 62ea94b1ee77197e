"""What inpainters do, to look at: one row per square, original, with its hole, and filled by each editor."""

import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure
from torch import Tensor

from flows.report.style import styled
from methods.evaluation.similarity import masked_l1, masked_ssim
from methods.inpainting.quality import Quality, holes
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import OwnInpainter

ROWS = 6
HOLE = 0.5
"""Grey value that a hole is shown in."""


@styled
def sheet(path: str, squares: UInt8[Tensor, "n 3 h w"], quality: Quality) -> Figure:
    """Squares evenly spread, each with the first of the masks that it was measured with; path: see `OwnInpainter`."""
    editors = {"Telea": Classical(), "trained": OwnInpainter(path=path).open(torch.device("cpu"))}
    rows = torch.linspace(0, len(squares) - 1, min(ROWS, len(squares))).round().int().tolist()
    figure = Figure(figsize=(6.4, 1.75 * len(rows)), layout="constrained")
    places = figure.subplots(len(rows), 2 + len(editors), squeeze=False)
    for axes, row in zip(places, rows, strict=True):
        image = squares[row : row + 1].float() / 255
        mask = holes(quality, row, *image.shape[2:], "test")[:1]
        shown = {"original": image, "hole": image * (1 - mask) + HOLE * mask}
        with torch.no_grad():
            shown |= {name: editor(image, mask) for name, editor in editors.items()}
        for place, (name, picture) in zip(axes, shown.items(), strict=True):
            place.imshow(picture[0].permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="nearest")
            place.set_xticks([])
            place.set_yticks([])
            if row == rows[0]:
                place.set_title(name)
            if name in editors:
                l1, ssim = (float(measure(picture, image, mask)) for measure in (masked_l1, masked_ssim))
                place.set_xlabel(f"L1 {l1:.3f}, SSIM {ssim:.2f}", fontsize=8)
    return figure
