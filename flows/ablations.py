"""The study `ablations`: what each choice is worth, one factor at a time."""

from prefect import flow

from flows.cells import compare_cells
from flows.configuration import Ablations
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="ablations")
def ablations(study: Ablations | str = "digits", order: Order = Order()) -> str:
    """Runs all cells, spread over the workers; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Ablations)
    with study_run(chosen, order) as workplace:
        summary, details = compare_cells(chosen, workplace.context)
        return workplace.publish(summary, details)
