"""The study `parameter_diffusion`: collect parameters, learn to generate them, compare with originals and baselines."""

from prefect import flow

from flows.comparing import generate_and_compare
from flows.configuration import ParameterDiffusion
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="parameter_diffusion")
def parameter_diffusion(study: ParameterDiffusion | str = "digits", order: Order = Order()) -> str:
    """Generates parameters by latent diffusion; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, ParameterDiffusion)
    with study_run(chosen, order) as workplace:
        summary, details = generate_and_compare(chosen, workplace.context)
        return workplace.publish(summary, details)
