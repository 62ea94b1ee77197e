"""The study `ablations`: what each choice is worth, one factor at a time."""

from prefect import flow

from flows.cells import run_cells
from flows.configuration import Ablations
from flows.running import Order, study_run
from flows.studies import configured
from storage.formats import read_json
from tasks.ablating import summarise_cells
from tasks.summarise import data_facts


@flow(name="ablations")
def ablations(study: Ablations | str = "digits", order: Order = Order()) -> str:
    """Runs all cells, spread over the workers; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Ablations)
    with study_run(chosen, order) as workplace:
        files = run_cells(chosen, workplace.pool, workplace.splits, workplace.run)
        facts = data_facts(workplace.splits)
        summary = summarise_cells([read_json(ref.path) for ref in files], facts)
        references = {f"cell {number}": {"path": ref.path, "sha256": ref.sha256} for number, ref in enumerate(files)}
        return workplace.publish(summary, {"references": references})
