"""The study `invertibility`: what invertible classifiers fail to see, and independence cross-entropy against it."""

from prefect import flow

from flows.configuration_invertibility import Invertibility
from flows.inverting import train_and_invert
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="invertibility")
def invertibility(study: Invertibility | str = "digits", order: Order = Order()) -> str:
    """Trains by both losses, reads the nuisance, makes metamers, shifts and attacks; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Invertibility)
    with study_run(chosen, order) as workplace:
        summary, details = train_and_invert(chosen, workplace.context)
        return workplace.publish(summary, details)
