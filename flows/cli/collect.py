"""The command `collect`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.table import Table

from flows.cli.common import examples, home_option, output, prefect_below, preset_option, set_option, user_errors
from methods.errors import BadSetting

if TYPE_CHECKING:
    from flows.collection_plan import Plan
    from tasks.runtime.run import Run


def numbers(text: str) -> tuple[int, ...]:
    """`0:1000`, `3`, `0:10,20,30:40`: the end of a range is not in it. Raises `BadSetting`."""
    found: list[int] = []
    for piece in filter(None, text.split(",")):
        start, colon, stop = piece.partition(":")
        if not (start.isdecimal() and (stop.isdecimal() if colon else True)):
            raise BadSetting(problem=f"--seeds {text!r}: {piece!r} is no number", remedy="write 0:1000, or 0,1,5")
        if colon and int(stop) <= int(start):
            raise BadSetting(problem=f"--seeds {text!r}: {piece!r} is empty", remedy="write FIRST:LAST+1, as 0:1000")
        found += range(int(start), int(stop)) if colon else [int(start)]
    return tuple(found)


def names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


@click.command(
    epilog=examples("""
    weightsmith collect --dry-run
    weightsmith collect --strategies shrink,many_seeds --seeds 0:10
    weightsmith collect --data digits,mnist --seeds 0:1000 --clean --poisoned --dry-run""")
)
@preset_option
@set_option
@click.option("--strategies", default="", metavar="A,B", help="Some of the preset's; all by default.")
@click.option("--seeds", default="", metavar="0:1000", help="One network each; the preset's by default.")
@click.option("--data", default="", metavar="A,B", help="Data sets, as in data.source; the preset's by default.")
@click.option("--clean", is_flag=True, help="From clean training images, also if --poisoned is given.")
@click.option("--poisoned", is_flag=True, help="From training images with the preset's backdoor.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done, and how long it may take.")
@home_option
def collect(
    preset: str,
    changes: tuple[str, ...],
    strategies: str,
    seeds: str,
    data: str,
    clean: bool,
    poisoned: bool,
    dry_run: bool,
    home: Path | None,
) -> None:
    """Collect parameters by many strategies (a preset of the study `strategies`), seeds and data sets into one set.

    The same command goes on where an earlier one was interrupted; more seeds or strategies are added to the same set.
    Rows of different layouts lie in one set each.
    """
    from flows.studies import resolve
    from flows.studies.strategies import Strategies

    with user_errors():
        study = resolve("strategies", preset, changes)
        assert isinstance(study, Strategies)
        origins = tuple(which for which, wanted in ((False, clean or not poisoned), (True, poisoned)) if wanted)
        with prefect_below(home):
            from flows.collection_plan import Choice, collection_run, plan

            choice = Choice(strategies=names(strategies), seeds=numbers(seeds), data=names(data), poisoned=origins)
            if dry_run:
                from flows.home import home_folder

                run = collection_run(study, home_folder(str(home) if home else None))
                show(plan(study, choice, run), run)
                return
            from flows.collection import collecting

            for folder in collecting(study, choice, str(home) if home else None):
                output.print(f"set  {folder}", highlight=False, soft_wrap=True)


HEADS = ("strategy", "data", "poisoned", "collections", "committed", "networks", "rows", "numbers", "size", "time")


def show(planned: "Plan", run: "Run") -> None:
    """The table of a dry run, its sums, and where rows would lie."""
    from flows.collection_estimate import forecast
    from tasks.results.formatting import duration, number, size

    table = Table(*HEADS, box=box.SIMPLE_HEAD, pad_edge=False)
    lines = []
    for line in forecast(planned, run):
        lines.append(line)
        counts = (line.collections, line.committed, line.networks, line.rows, line.numbers)
        told_of = (line.strategy, line.data, "yes" if line.poisoned else "no")
        table.add_row(*told_of, *map(number, counts), size(line.bytes), duration(line.seconds))
    output.print(table)
    jobs = sum(line.collections - line.committed + line.networks for line in lines)
    rows, parameters = sum(line.rows for line in lines), sum(line.bytes for line in lines)
    seconds, cpus = sum(line.seconds for line in lines), os.cpu_count() or 1
    output.print(
        f"{number(jobs)} jobs to do, {number(rows)} rows, {size(parameters)} of parameters before compression.\n"
        f"About {duration(seconds)} of one worker, {duration(seconds / cpus)} of {cpus}: from steps of every kind of "
        "phase, timed just now on this machine; what is committed is not counted.",
        highlight=False,
    )
    for group in planned.groups:
        output.print(f"set  {group.folder}", highlight=False, soft_wrap=True)
