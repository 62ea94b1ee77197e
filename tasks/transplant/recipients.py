"""The networks that parameters are moved into: the donor itself, one trained independently, and one with a backdoor."""

from collections.abc import Sequence

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Phase, Training
from methods.layout import Buffers
from methods.progress import OnStep
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.train import BASE, NETWORK, train_one
from tasks.results.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, sorted_out
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import Weights

SOURCE, INDEPENDENT, BADNETS = RECIPIENTS = ("source", "independent", "badnets")


@stage
def recipients(
    context: RunContext, donors: Sequence[Weights], training: Training, backdoor: BadNets
) -> tuple[dict[str, list[Weights]], dict[str, Unfit]]:
    """By name, for each donor the network that its rows go into: an independent and a backdoored one of its own.

    All are trained alike, from initialisations that the run's seed and the donor's decide. Shared recipients would make
    what becomes of one donor's rows depend on which other donors there are. Second, by name, why one is unfit: its
    training diverged, for one donor or more.
    """
    phases, buffers = (Phase(train=("*",), training=training),), context.context_config.strategy.buffers
    poisons = {INDEPENDENT: None, BADNETS: backdoor}
    seeds = {
        (name, donor.seed): randomness.derive(context.seed, "recipient", name, donor.seed)
        for name in poisons
        for donor in donors
    }
    items = {item: (item[0], phases, buffers, poisons[item[0]], seed) for item, seed in seeds.items()}

    def label(item: tuple[str, int]) -> str:
        return f"{item[0]} for {item[1]}"

    made, records = sorted_out(
        map_jobs(context, "recipients", train_recipient, items, product=BASE, suffix=NETWORK, label=label)
    )
    unfit = {name: record for (name, _), record in reversed(records.items())}
    others = {
        name: [Weights(seed=seeds[name, donor.seed], base=made[name, donor.seed]) for donor in donors]
        for name in poisons
        if name not in unfit
    }
    return {SOURCE: list(donors), **others}, unfit


def train_recipient(
    worker_context: ClassifierContext,
    name: str,
    phases: tuple[Phase, ...],
    buffers: Buffers,
    poison: BadNets | None,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    try:
        train_one(worker_context, phases, buffers, poison, seed, target=target, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, name, seed))
