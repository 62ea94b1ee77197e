"""Collecting without a study around it: a plan made up front, then one job per (strategy, seed, data set, poisoned)."""

from pathlib import Path

from prefect import flow

from flows.collection_plan import Choice, Plan, collection_run, plan
from flows.home import home_folder
from flows.prefect_home import end_orphans
from flows.progress import displayed
from flows.studies import configured
from flows.studies.strategies import Strategies
from storage import datasets
from storage.files import Ref
from storage.lock import home_lock
from tasks.classifiers.bulk_collection import collect_grid, train_grid
from tasks.runtime.pool import Pool, ray_pool
from tasks.runtime.run import Run


@flow(name="collect")
def collecting(study: Strategies | str = "digits", choice: Choice = Choice(), home: str | None = None) -> list[str]:
    """Collects what is chosen of a preset of `strategies`; returns the folders of the sets, one per layout.

    study: a configuration, or the name of a preset. Called again after any interruption, it does what is missing.
    """
    chosen = configured(study, Strategies)
    folder = home_folder(home)
    run = collection_run(chosen, folder)
    with home_lock(folder), displayed(f"collect {chosen.preset}") as display:
        end_orphans(folder)
        with display.stage("data", 1, 0):
            planned = plan(chosen, choice, run)
            splits = datasets.load(planned.groups[0].units[0].context_config.data, home=folder)
        with ray_pool(chosen.context_config, splits, display, folder) as pool:
            return [str(Path(ref.path).parent) for ref in carry_out(planned, pool, run)]


def carry_out(planned: Plan, pool: Pool, run: Run) -> list[Ref]:
    """The committed sets, in the order of the groups. Networks come first: several units may begin from one."""
    units = [unit for group in planned.groups for unit in group.units]
    bases = dict(zip(units, train_grid(pool, units, run), strict=True))
    return [
        collect_grid(
            pool,
            group.units,
            [bases[unit] for unit in group.units],
            group.folder,
            group.layout,
            planned.about,
            run,
        )
        for group in planned.groups
    ]
