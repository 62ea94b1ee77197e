"""The command `nights`."""

import json
import sys
from pathlib import Path

import click

from flows.cli.common import examples, finish, home_option, prefect_below, preset_option, user_errors


@click.command(
    epilog=examples("""
    weightsmith nights --from 2027-01-01 --count 20
    weightsmith nights --from 2027-01-01 --study transplant --set transplant.base.samples=50
    weightsmith nights --from 2027-01-01 --count 60 --study parameter_diffusion --fits-only""")
)
@click.option("--from", "first", required=True, metavar="YYYY-MM-DD", help="The first date.")
@click.option("--count", type=click.IntRange(min=1), default=20, show_default=True, help="How many nights.")
@click.option("--study", "studies", multiple=True, help="This one of the nightly's; repeatable. [default: all]")
@preset_option
@click.option("--set", "changes", multiple=True, metavar="STUDY.PATH.TO.FIELD=VALUE", help="Change one field.")
@click.option("--fits-only", is_flag=True, help="Train, collect and fit generators; the table shows every gate.")
@click.option("--keep", is_flag=True, help="Keep networks, snapshots and other products of completed nights.")
@home_option
def nights(
    first: str,
    count: int,
    studies: tuple[str, ...],
    preset: str,
    changes: tuple[str, ...],
    fits_only: bool,
    keep: bool,
    home: Path | None,
) -> None:
    """Run the nights that a scheduler would start on a range of dates, and compare them.

    Nights run side by side and share nothing but the data. Re-running the command resumes it; completed nights are
    kept.
    """
    from flows.nights.request import Nights, by_study, parse_date

    with user_errors():
        wanted = Nights(
            first=parse_date(first),
            count=count,
            preset=preset,
            studies=tuple(dict.fromkeys(studies)),
            settings=by_study(changes),
            fits_only=fits_only,
            keep=keep,
        )
        wanted.check()
        with prefect_below(home):
            from flows.home import home_folder
            from flows.nights.runner import run_nights

            folder = Path(run_nights(wanted, home_folder(str(home) if home else None)))
        finish(str(folder))
        summary = json.loads((folder / "summary.json").read_text())
        if summary["completed"] < len(summary["dates"]):
            click.echo("error: not every night completed; re-running the command tries the others again", err=True)
            sys.exit(1)
