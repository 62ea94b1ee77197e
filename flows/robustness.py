"""The study `robustness`: attacks on trained, defended and generated networks, and whether a defence only hides."""

from prefect import flow

from flows.attacking import attack_and_compare
from flows.configuration import Robustness
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="robustness")
def robustness(study: Robustness | str = "digits", order: Order = Order()) -> str:
    """Attacks every network in every way, spread over the workers; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Robustness)
    with study_run(chosen, order) as workplace:
        summary, details = attack_and_compare(chosen, workplace.context)
        return workplace.publish(summary, details)
