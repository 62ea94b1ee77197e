"""The study `image_protection`: regions of photographs protected from inpainting, and what editors make of them."""

from prefect import flow

from flows.configuration_protection import ImageProtection
from flows.protecting_images import protect_and_edit
from flows.running import Order, study_run
from flows.studies import configured


@flow(name="image_protection")
def image_protection(study: ImageProtection | str = "digits", order: Order = Order()) -> str:
    """Protects images in every way, and has them edited; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    chosen = configured(study, ImageProtection)
    with study_run(chosen, order) as workplace:
        summary, details = protect_and_edit(chosen, workplace.context)
        return workplace.publish(summary, details)
