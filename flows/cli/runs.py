"""The commands `run`, `nightly`, `studies`, `show` and `report`."""

import json
from pathlib import Path
from typing import Any

import click

from flows.cli.common import (
    examples,
    finish,
    fresh_option,
    home_option,
    output,
    prefect_below,
    preset_option,
    seed_option,
    set_option,
    user_errors,
)


class RotatingSeed(click.ParamType):
    """`date`, or a whole number from 1 on."""

    name = "SEED|date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "date" else click.IntRange(min=1).convert(value, param, ctx)


@click.command(
    epilog=examples("""
        weightsmith run parameter_diffusion --preset smoke
        weightsmith run parameter_diffusion --set samples=50 --set strategy.rows=100
        weightsmith run parameter_diffusion --preset cifar10_small --set data.source=parquet:PATH""")
)
@click.argument("study")
@preset_option
@set_option
@seed_option
@home_option
@fresh_option
def run(study: str, preset: str, changes: tuple[str, ...], seed: int | None, home: Path | None, fresh: bool) -> None:
    """Run STUDY, or go on with it where an earlier run was interrupted."""
    from flows.studies import resolve

    with user_errors():
        configuration = resolve(study, preset, changes, seed=seed)
        with prefect_below(home):
            from flows.deployments import FLOWS
            from flows.runner import RunOptions

            finish(FLOWS[study](configuration, RunOptions(home=str(home) if home else None, fresh=fresh)))


@click.command(
    epilog=examples("""
        weightsmith nightly
        weightsmith nightly --seed date
        weightsmith nightly --preset smoke --home /tmp/try""")
)
@preset_option
@click.option(
    "--seed",
    type=RotatingSeed(),
    default=1,
    show_default=True,
    help="Of the networks that rotate from night to night; `date`: today's date, as the scheduled nightly has it.",
)
@home_option
@fresh_option
def nightly(preset: str, seed: Any, home: Path | None, fresh: bool) -> None:
    """Run every study that takes part in the nightly, or resume the night that was interrupted."""
    from flows.studies import STUDIES, resolve

    with user_errors():
        for study in [name for name, kind in STUDIES.items() if preset in kind.preset_functions()] or STUDIES:
            resolve(study, preset)
        with prefect_below(home):
            from flows.nightly import NightFailed
            from flows.nightly import nightly as flow
            from flows.runner import RunOptions

            try:
                folder = flow(preset, None, seed, RunOptions(home=str(home) if home else None, fresh=fresh))
            except NightFailed as error:
                finish(error.folder)
                raise
            finish(folder)


@click.command()
def studies() -> None:
    """List the studies and their presets."""
    from flows.studies import STUDIES

    for name, kind in STUDIES.items():
        output.print(f"[bold]{name}[/]")
        for preset, function in kind.preset_functions().items():
            output.print(f"  {preset:<15} {(function.__doc__ or '').splitlines()[0]}", highlight=False)


@click.command(
    epilog=examples("""
        weightsmith show parameter_diffusion --preset paper
        weightsmith show parameter_diffusion --preset digits --set samples=50""")
)
@click.argument("study")
@preset_option
@set_option
@seed_option
def show(study: str, preset: str, changes: tuple[str, ...], seed: int | None) -> None:
    """Print the whole configuration of a preset of STUDY as JSON."""
    from flows.studies import as_json, resolve

    with user_errors():
        click.echo(json.dumps(as_json(resolve(study, preset, changes, seed=seed)), indent=2))


@click.command(
    epilog=examples("""
        weightsmith report
        weightsmith report .weightsmith/runs/RUN_ID""")
)
@click.argument("run", required=False, type=click.Path(path_type=Path))
@home_option
def report(run: Path | None, home: Path | None) -> None:
    """Build the page of RUN (a folder; by default the newest run) again, and print its table."""
    from flows.home import home_folder
    from flows.report.page import build

    with user_errors():
        folder = (run or home_folder(str(home) if home else None) / "runs" / "latest").resolve()
        build(folder)
        finish(str(folder))
