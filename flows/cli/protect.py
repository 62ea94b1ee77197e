"""The command `protect`."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.cli.common import examples, home_option, output, prefect_below, user_errors

if TYPE_CHECKING:
    from rich.table import Table

    from flows.protect_photos import MethodName, Way


class Share(click.ParamType):
    """A number, or a fraction like 8/255."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            above, _, below = str(value).partition("/")
            return float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no number, and no fraction like 8/255", param, ctx)


class Corners(click.ParamType):
    name = "x,y,w,h"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            x, y, width, height = map(int, re.split(r"\s*,\s*|\s+", str(value).strip()))
        except ValueError:
            self.fail(f"{value!r} is not of the form x,y,w,h in pixels", param, ctx)
        return x, y, width, height


class Ways(click.ParamType):
    name = "jpeg,resize"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        ways = tuple(dict.fromkeys(re.split(r"\s*,\s*", str(value).strip())))
        if unknown := [way for way in ways if way not in ("jpeg", "resize")]:
            self.fail(f"{unknown[0]!r} is not jpeg, resize or jpeg,resize", param, ctx)
        return ways


@click.command(
    epilog=examples("""
    weightsmith protect photo.jpg --box 40,60,80,80 -o protected.png
    weightsmith protect photo.png --mask mask.png --inpainter best.ckpt --epsilon 8/255 --method strong -o protected.png
    weightsmith protect FOLDER --mask MASKS --through jpeg,resize -o OUT""")
)
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--mask", type=click.Path(path_type=Path), help="White where nothing is to be edited, or a folder of such."
)
@click.option("--box", type=Corners(), help="The region as a box: x,y of its upper left corner, width, height.")
@click.option("-o", "--output", "target", required=True, type=click.Path(path_type=Path), help="A PNG, or a folder.")
@click.option(
    "--inpainter",
    default="default",
    show_default=True,
    help="What is protected against: the one that comes along, or a file, .safetensors, .ckpt, .pt or .jit.",
)
@click.option("--method", type=click.Choice(["faithful", "pgd", "strong"]), default="pgd", show_default=True)
@click.option("--epsilon", type=Share(), default="0.025", show_default=True, help="Largest change of a pixel, of 1.")
@click.option("--iterations", type=click.IntRange(min=1), help="Of the search; 20, or 200 for strong.")
@click.option("--expansion", type=click.IntRange(min=1), default=8, show_default=True, help="Of the region, pixels.")
@click.option("--through", type=Ways(), help="Search for noise that survives these; three times as long.")
@click.option(
    "--around",
    type=click.IntRange(min=1),
    help="Work on the region and so many pixels around it, as an editor does that crops; large images need it.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@home_option
def protect(
    image: Path,
    mask: Path | None,
    box: tuple[int, int, int, int] | None,
    target: Path,
    inpainter: str,
    method: "MethodName",
    epsilon: float,
    iterations: int | None,
    expansion: int,
    through: "tuple[Way, ...] | None",
    around: int | None,
    seed: int,
    home: Path | None,
) -> None:
    """Put noise into IMAGE, or all of a FOLDER, that spoils what an inpainter makes of a region.

    Beside the PNG lie a JSON file with every number, measured on the PNG as it lies there, and a contact sheet. Random
    noise of the same size stands beside the protection: what is not better than it protects nothing. What the same
    command made before is found again.
    """
    with user_errors(), prefect_below(home):
        from flows.protect_photos import editor_of, losses_of, method_of
        from flows.protect_photos import protect as work
        from flows.protect_requests import planned
        from methods.protection.judging import Judge

        requests = planned(image, mask, box, target, around=around)
        chosen = method_of(method, epsilon, iterations, losses_of(expansion, through or ()))
        made, found = work(requests, editor_of(inpainter), chosen, Judge(expansion=expansion), seed=seed)
    output.print(table(made, found))
    folder = target if image.is_dir() else target.absolute().parent
    output.print(f"path      {folder}", highlight=False, soft_wrap=True, markup=False)


def table(made: Sequence[dict[str, Any]], found: Collection[str]) -> "Table":
    """The edit of each image before (as with noise alone) and after. found: those that were there before."""
    from rich import box
    from rich.table import Table

    heads = ("image", "PSNR", "edit, noise", "edit", "JPEG 75", "around", "elsewhere", "target", "protected", "seconds")
    caption = (
        "SSIM of fills made from the protected and the clean image; JPEG 75: of both after it; target: share of the "
        "distance that is left"
    )
    shown = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    for each in made:
        numbers, noise = each["protected"], each["noise_control"]
        shown.add_row(
            each["output"],
            f"{numbers['psnr']:.1f} dB",
            f"{noise['ssim_edit']:.3f}",
            f"{numbers['ssim_edit']:.3f}",
            f"{each['after']['jpeg_75']['ssim_edit']:.3f}",
            *(f"{numbers[key]:.3f}" for key in ("ssim_benign", "ssim_far")),
            f"{numbers['target_mse'] / numbers['target_mse_clean']:.3f}",
            "yes" if numbers["protected"] else "no",
            "found" if each["output"] in found else f"{each['seconds']:.1f}",
        )
    return shown
