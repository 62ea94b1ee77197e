"""The study `strategies`: ways of collecting parameters, compared by what can be made of the rows."""

from prefect import flow

from flows.comparing_strategies import compare_strategies
from flows.configuration import Strategies
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="strategies")
def strategies(study: Strategies | str = "digits", order: Order = Order()) -> str:
    """Collects in every way, spread over the workers; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, Strategies)
    with study_run(chosen, order) as workplace:
        summary, details = compare_strategies(chosen, workplace.context)
        return workplace.publish(summary, details)
