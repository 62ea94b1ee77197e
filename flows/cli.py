"""The command line."""

import contextlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from methods.errors import BadSetting, WeightsmithError

output = Console()
if not output.is_terminal:
    output = Console(width=120)  # a log file has no width of its own

EXAMPLES = {
    "run": """
        weightsmith run parameter_diffusion --preset smoke
        weightsmith run parameter_diffusion --set samples=50 --set strategy.rows=100
        weightsmith run parameter_diffusion --preset cifar10_small --set data.source=parquet:PATH""",
    "nightly": """
        weightsmith nightly
        weightsmith nightly --seed date
        weightsmith nightly --preset smoke --home /tmp/try""",
    "show": """
        weightsmith show parameter_diffusion --preset paper
        weightsmith show parameter_diffusion --preset digits --set samples=50""",
    "verify": """
        weightsmith verify .weightsmith/store/snapshots/KEY""",
    "report": """
        weightsmith report
        weightsmith report .weightsmith/runs/RUN_ID""",
    "ui": """
        weightsmith ui --port 5001""",
}


def examples(name: str) -> str:
    """click keeps the lines of a block that starts with \\b as they are."""
    lines = "\n".join("  " + line.strip() for line in EXAMPLES[name].strip().splitlines())
    return f"\b\nExamples:\n{lines}"


home_option = click.option(
    "--home", type=click.Path(path_type=Path), envvar="WEIGHTSMITH_HOME", help="Everything is written below it."
)
preset_option = click.option("--preset", default="digits", show_default=True, help="Which numbers to start from.")
set_option = click.option("--set", "changes", multiple=True, metavar="PATH.TO.FIELD=VALUE", help="Change one field.")
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Of the generators and their samples.")
fresh_option = click.option("--fresh", is_flag=True, help="Use nothing that earlier runs have committed.")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """An error is one message: exit code 2 where the user's input is at fault, 1 where the run is.

    The traceback of an error that no code here raises on purpose goes into a file, which the message names.
    """
    try:
        yield
    except WeightsmithError as error:
        from storage.tracking import shown_uri

        click.echo(f"error: {shown_uri(str(error))}", err=True)
        sys.exit(2 if isinstance(error, BadSetting) else 1)
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        from flows.failures import expected, write_traceback

        folder = Path(tempfile.mkdtemp(prefix="weightsmith-"))
        write_traceback(folder, error)
        click.echo(f"error: {expected(error, folder)}", err=True)
        sys.exit(1)


class RotatingSeed(click.ParamType):
    """`date`, or a whole number from 1 on."""

    name = "SEED|date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "date" else click.IntRange(min=1).convert(value, param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("weightsmith"))
def main() -> None:
    """Forges neural-network weights and puts them to the test."""


@main.command(epilog=examples("run"))
@click.argument("study")
@preset_option
@set_option
@seed_option
@home_option
@fresh_option
def run(study: str, preset: str, changes: tuple[str, ...], seed: int | None, home: Path | None, fresh: bool) -> None:
    """Run STUDY, or go on with it where an earlier run was interrupted."""
    from flows.studies import resolve

    with told():
        configuration = resolve(study, preset, changes, seed=seed)
        with prefect_below(home):
            from flows.nightly import FLOWS
            from flows.running import Order

            finish(FLOWS[study](configuration, Order(home=str(home) if home else None, fresh=fresh)))


@main.command(epilog=examples("nightly"))
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
    from flows.studies import KINDS, resolve

    with told():
        for study in [name for name, kind in KINDS.items() if preset in kind.preset_functions()] or KINDS:
            resolve(study, preset)
        with prefect_below(home):
            from flows.nightly import NightFailed
            from flows.nightly import nightly as flow
            from flows.running import Order

            try:
                folder = flow(preset, None, seed, Order(home=str(home) if home else None, fresh=fresh))
            except NightFailed as error:
                finish(error.folder)
                raise
            finish(folder)


@contextlib.contextmanager
def prefect_below(home: Path | None) -> Iterator[None]:
    """Prefect's settings; they must be there before it is imported."""
    from flows.places import home_folder
    from flows.prefect_home import prepare

    prepare(home_folder(str(home) if home else None))
    yield


def finish(folder: str) -> None:
    """The table of a run, and where to find the rest."""
    from flows.report.table import render
    from storage.tracking import shown_uri, tracking_uri

    path = Path(folder)
    summary = json.loads((path / "summary.json").read_text())
    if summary["study"] == "nights":
        output.print(render(summary))
        output.print(f"report  {path / 'report.html'}", highlight=False, soft_wrap=True)
        return
    children = [path / each["path"] for each in summary.get("studies", {}).values()]
    for child in children:
        if (child / "summary.json").is_file():
            output.print(render(json.loads((child / "summary.json").read_text())))
    output.print(render(summary))
    home = next(parent.parent for parent in path.parents if parent.name == "runs")
    output.print(
        f"report  {path / 'report.html'}\nMLflow  {shown_uri(tracking_uri(home))}", highlight=False, soft_wrap=True
    )


@main.command()
def studies() -> None:
    """List the studies and their presets."""
    from flows.studies import KINDS

    for name, kind in KINDS.items():
        output.print(f"[bold]{name}[/]")
        for preset, function in kind.preset_functions().items():
            output.print(f"  {preset:<15} {(function.__doc__ or '').splitlines()[0]}", highlight=False)


@main.command(epilog=examples("show"))
@click.argument("study")
@preset_option
@set_option
@seed_option
def show(study: str, preset: str, changes: tuple[str, ...], seed: int | None) -> None:
    """Print the whole configuration of a preset of STUDY as JSON."""
    from flows.studies import as_json, resolve

    with told():
        click.echo(json.dumps(as_json(resolve(study, preset, changes, seed=seed)), indent=2))


@main.command(epilog=examples("verify"))
@click.argument("path")
def verify(path: str) -> None:
    """Check every hash of the snapshot set in the folder PATH."""
    from storage.verification import verify as check

    with told():
        found = check(path)
        for file in found.files:
            output.print(f"{'damaged' if file.error else 'ok':<8} {file.file}", highlight=False)
        for stray in found.strays:
            output.print(f"{'stray':<8} {stray} (named by no commit, not read)", highlight=False)
        found.raise_first()


@main.command(epilog=examples("report"))
@click.argument("run", required=False, type=click.Path(path_type=Path))
@home_option
def report(run: Path | None, home: Path | None) -> None:
    """Build the page of RUN (a folder; by default the newest run) again, and print its table."""
    from flows.places import home_folder
    from flows.report.page import build

    with told():
        folder = (run or home_folder(str(home) if home else None) / "runs" / "latest").resolve()
        build(folder)
        finish(str(folder))


@main.command(epilog=examples("ui"))
@home_option
@click.option("--port", default=5000, show_default=True)
def ui(home: Path | None, port: int) -> None:
    """Open MLflow on the home folder, until Ctrl-C."""
    from flows.places import home_folder
    from storage.tracking import ui_command

    command, settings = ui_command(home_folder(str(home) if home else None), port)
    os.execvpe(
        command[0], command, os.environ | settings
    )  # MLflow takes this process's place, so that ending it ends its servers


@main.command()
@home_option
def doctor(home: Path | None) -> None:
    """Check versions, devices, Ray, Prefect, MLflow, data and disk."""
    with told(), prefect_below(home):
        from flows.doctor import examine
        from flows.places import home_folder

        if not examine(home_folder(str(home) if home else None), output):
            sys.exit(1)


import flows.collect_command  # noqa: E402 - registers `collect`
import flows.exchange_commands  # noqa: E402 - registers `import` and `export`
import flows.inpainter_command  # noqa: E402 - registers `train-inpainter`
import flows.log_command  # noqa: E402 - registers `log`
import flows.nights_command  # noqa: E402 - registers `nights`
import flows.protect_command  # noqa: E402, F401 - registers `protect`
