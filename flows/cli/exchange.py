"""The commands `import` and `export`: parameters of p-diff's public versions, and models for other programs."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from flows.cli.common import examples, home_option, output, prefect_below, preset_option, set_option, user_errors

if TYPE_CHECKING:
    from flows.import_export import Found
    from flows.studies.parameter_diffusion import ParameterDiffusion
    from tasks.exchange.export_models import Format

GIB = 2**30


@click.command(
    "import",
    epilog=examples("""
    weightsmith import data.pt --preset cifar100
    weightsmith import dataset/cifar100_resnet18 --preset cifar100 --set data.size=32
    weightsmith import checkpoint --base pretrained.pth --preset cifar100"""),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--base", type=click.Path(path_type=Path), help="A folder's whole network: .pth or .safetensors.")
@click.option("--recalibrate", is_flag=True, help="Measure the norms' running statistics anew for every row.")
@click.option("--largest", type=click.IntRange(min=1), default=8, show_default=True, help="Of any file, in GiB.")
@preset_option
@set_option
@home_option
def import_(
    source: Path,
    base: Path | None,
    recalibrate: bool,
    largest: int,
    preset: str,
    changes: tuple[str, ...],
    home: Path | None,
) -> None:
    """Make parameters of p-diff a snapshot set that every study can use.

    SOURCE is a data.pt of the first public version, or a folder of .pth of the current one. Nothing that a file names
    is loaded. The preset says which network the rows belong to, and on which images their accuracy is measured.
    """
    from flows.studies import resolve

    with user_errors():
        study = cast("ParameterDiffusion", resolve("parameter_diffusion", preset, changes))
        with prefect_below(home):
            from flows.import_export import import_rows

            found = import_rows(study, source, base, recalibrate, largest * GIB, str(home) if home else None)
    output.print(ending(found, preset, changes, home), highlight=False, soft_wrap=True, markup=False)


def ending(found: "Found", preset: str, changes: Sequence[str], home: Path | None) -> str:
    """What was imported, and the command that goes on from there."""
    command = ["weightsmith", "run", "parameter_diffusion", "--preset", preset]
    command += ["--home", str(home)] if home else []
    for change in (*changes, "seeds=[0]", f"strategy={json.dumps(found.strategy)}"):
        command += ["--set", change]
    file, test, validation = (f"{100 * each:.2f} %" for each in (found.file, found.test, found.validation))
    return (
        f"rows      {found.rows:,} of {found.numbers:,} numbers\n"
        f"accuracy  {file} says the file; here {test} on the test split, {validation} on validation (means)\n"
        f"path      {found.strategy['path']}\n"
        f"next      {shlex.join(command)}"
    )


@click.command(
    "export",
    epilog=examples("""
    weightsmith export .weightsmith/runs/latest data.pt
    weightsmith export .weightsmith/runs/latest models --rows latent_ddpm --seed 0 --format safetensors"""),
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--rows", default="original", show_default=True, help="The snapshots, or the generator that made them.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the base network; by default the first.")
@click.option(
    "--format", "form", type=click.Choice(["data.pt", "folder", "safetensors"]), default="data.pt", show_default=True
)
@home_option
def export(source: Path, target: Path, rows: str, seed: int | None, form: str, home: Path | None) -> None:
    """Write the models of SOURCE (a run's folder, or that of an import) to TARGET.

    data.pt and folder are p-diff's two formats; safetensors is a whole network per file.
    """
    with user_errors(), prefect_below(home):
        from flows.import_export import export_models

        count, accuracy = export_models(
            source.resolve(), target, cast("Format", form), rows, seed, str(home) if home else None
        )
    output.print(
        f"models    {count:,} {rows}, {100 * accuracy:.2f} % on the test split (mean)\npath      {target.absolute()}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
