"""The study `transplant`: collected and generated parameters in other networks, one of them with a backdoor."""

from prefect import flow

from flows.configuration_transplant import Transplant
from flows.running import Order, study_run
from flows.studies import configured
from flows.transplanting import transplant_and_compare


@flow(name="transplant")
def transplant(study: Transplant | str = "digits", order: Order = Order()) -> str:
    """Moves parameters into other networks, as they are and aligned; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Transplant)
    with study_run(chosen, order) as workplace:
        summary, details = transplant_and_compare(chosen, workplace.context)
        return workplace.publish(summary, details)
