"""The command `train-inpainter`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.common import examples, home_option, output, prefect_below, set_option, user_errors

if TYPE_CHECKING:
    from flows.inpainter import Trained


@click.command(
    "train-inpainter",
    epilog=examples("""
    weightsmith train-inpainter
    weightsmith train-inpainter --data ~/Pictures --steps 20000 --output mine.safetensors
    weightsmith train-inpainter --data parquet:PATH --set network.width=32 --set photographs.size=128
    weightsmith train-inpainter --show"""),
)
@click.option("--data", default="embedded", show_default=True, metavar="embedded|FOLDER|parquet:PATH")
@click.option("--steps", type=click.IntRange(min=1), help="Of the training, each on one batch.")
@click.option("--output", "target", type=click.Path(path_type=Path), default="inpainter.safetensors", show_default=True)
@set_option
@click.option("--seed", type=click.IntRange(min=0), help="Of the network, its batches and its masks.")
@click.option("--show", is_flag=True, help="Only print every field with its value.")
@home_option
def train_inpainter(
    data: str,
    steps: int | None,
    target: Path,
    changes: tuple[str, ...],
    seed: int | None,
    show: bool,
    home: Path | None,
) -> None:
    """Train a network that fills holes in photographs, and measure it beside Telea's method.

    Photographs are divided among training, validation and test before squares are cut out of them. Besides the file
    there is a picture of the same name, of test squares: original, with a hole, filled by Telea, filled by the network.
    """
    from flows.inpainter import as_json, recipe_of

    with user_errors():
        recipe = recipe_of(data, changes, steps=steps, seed=seed)
        if show:
            click.echo(as_json(recipe))
            return
        with prefect_below(home):
            from flows.inpainter import train

            found = train(recipe, target, str(home) if home else None)
    output.print(table(found))
    output.print(f"path      {found.path}\npicture   {found.picture}", highlight=False, soft_wrap=True, markup=False)


def table(found: "Trained"):  # type: ignore[no-untyped-def]
    """Means inside of the holes, and how often the network is the better of the two."""
    from rich import box
    from rich.table import Table

    heads = ("photographs", "holes", "L1 Telea", "L1 trained", "better", "SSIM Telea", "SSIM trained", "better")
    shown = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)
    for line in found.lines:
        l1, ssim = line.l1, line.ssim
        shown.add_row(
            f"{line.split} ({line.photographs})",
            f"{line.holes:,}",
            *(f"{l1.reference:.4f}", f"{l1.trained:.4f}", f"{100 * l1.better:.0f} %"),
            *(f"{ssim.reference:.4f}", f"{ssim.trained:.4f}", f"{100 * ssim.better:.0f} %"),
        )
    return shown
