"""What commands share: options, examples, errors as one message, and the end of a run."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from methods.errors import BadSetting, WeightsmithError

output = Console()
if not output.is_terminal:
    output = Console(width=120)  # a log file has no width of its own


def examples(text: str) -> str:
    """An epilog; click keeps the lines of a block that starts with \\b as they are."""
    lines = "\n".join("  " + line.strip() for line in text.strip().splitlines())
    return f"\b\nExamples:\n{lines}"


home_option = click.option(
    "--home", type=click.Path(path_type=Path), envvar="WEIGHTSMITH_HOME", help="Everything is written below it."
)
preset_option = click.option("--preset", default="digits", show_default=True, help="Which numbers to start from.")
set_option = click.option("--set", "changes", multiple=True, metavar="PATH.TO.FIELD=VALUE", help="Change one field.")
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Of the generators and their samples.")
fresh_option = click.option("--fresh", is_flag=True, help="Use nothing that earlier runs have committed.")


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """An error is one message: exit code 2 where the user's input is at fault, 1 where the run is.

    The traceback of an error that no code here raises on purpose goes into a file, which the message names.
    """
    try:
        yield
    except WeightsmithError as error:
        from storage.tracking.runs import shown_uri

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


@contextlib.contextmanager
def prefect_below(home: Path | None) -> Iterator[None]:
    """Prefect's settings; they must be there before it is imported."""
    from flows.home import home_folder
    from flows.prefect_home import prepare

    prepare(home_folder(str(home) if home else None))
    yield


def finish(folder: str) -> None:
    """The table of a run, and where to find the rest."""
    from flows.report.table import render
    from storage.tracking.runs import shown_uri, tracking_uri

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
