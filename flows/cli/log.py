"""The command `log`."""

from pathlib import Path

import click

from flows.cli.common import examples, home_option, output, prefect_below, user_errors


@click.command(
    epilog=examples("""
    weightsmith log
    weightsmith log .weightsmith/runs/RUN_ID""")
)
@click.argument("run", required=False, type=click.Path(path_type=Path))
@home_option
def log(run: Path | None, home: Path | None) -> None:
    """Send RUN (the folder of a run or of a nightly) to MLflow; by default all runs that wait in the outbox.

    Runs wait there when the tracking server could not be reached. A run that was logged before is not logged twice.
    """
    with user_errors(), prefect_below(home):
        from flows.delivery import log_one, runs_in, send_waiting
        from flows.home import home_folder
        from storage.lock import home_lock
        from storage.tracking.runs import shown_uri, tracking_uri

        folder = home_folder(str(home) if home else None)
        with home_lock(folder):
            if run is None:
                logged = send_waiting(folder)
            else:
                logged = runs_in(run, folder)
                for each in logged:
                    log_one(folder, each)
        for each in logged:
            output.print(f"logged  {each}", highlight=False, soft_wrap=True)
        output.print(f"MLflow  {shown_uri(tracking_uri(folder))}, {len(logged)} runs", highlight=False, soft_wrap=True)
