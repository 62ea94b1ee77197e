"""The commands `verify`, `ui` and `doctor`."""

import os
import sys
from pathlib import Path

import click

from flows.cli.common import examples, home_option, output, prefect_below, user_errors


@click.command(
    epilog=examples("""
        weightsmith verify .weightsmith/store/snapshots/KEY""")
)
@click.argument("path")
def verify(path: str) -> None:
    """Check every hash of the snapshot set in the folder PATH."""
    from storage.verification import verify as check

    with user_errors():
        found = check(path)
        for file in found.files:
            output.print(f"{'damaged' if file.error else 'ok':<8} {file.file}", highlight=False)
        for stray in found.strays:
            output.print(f"{'stray':<8} {stray} (named by no commit, not read)", highlight=False)
        found.raise_first()


@click.command(
    epilog=examples("""
        weightsmith ui --port 5001""")
)
@home_option
@click.option("--port", default=5000, show_default=True)
def ui(home: Path | None, port: int) -> None:
    """Open MLflow on the home folder, until Ctrl-C."""
    from flows.home import home_folder
    from storage.tracking.runs import ui_command

    command, settings = ui_command(home_folder(str(home) if home else None), port)
    os.execvpe(
        command[0], command, os.environ | settings
    )  # MLflow takes this process's place, so that ending it ends its servers


@click.command()
@home_option
def doctor(home: Path | None) -> None:
    """Check versions, devices, Ray, Prefect, MLflow, data and disk."""
    with user_errors(), prefect_below(home):
        from flows.doctor import examine
        from flows.home import home_folder

        if not examine(home_folder(str(home) if home else None), output):
            sys.exit(1)
