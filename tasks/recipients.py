"""The networks that parameters are moved into: the donor itself, one trained independently, and one with a backdoor."""

from collections.abc import Sequence

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Phase, Training
from methods.progress import OnStep
from storage.datasets import Splits
from tasks.align import Weights
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.train import network_file, train_one
from tasks.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, sorted_out

SOURCE, INDEPENDENT, BADNETS = RECIPIENTS = ("source", "independent", "badnets")


@stage
def recipients(
    pool: Pool,
    apparatus: Apparatus,
    splits: Splits,
    donors: Sequence[Weights],
    training: Training,
    backdoor: BadNets,
    run: Run,
) -> tuple[dict[str, list[Weights]], dict[str, Unfit]]:
    """By name, for each donor the network that its rows go into; one independent and one backdoored for all of them.

    The two are trained alike, from initialisations of their own that the run's seed decides. Second, by name, why one
    is unfit: its training diverged.
    """
    phases = (Phase(train=("*",), training=training),)
    poisons = {INDEPENDENT: None, BADNETS: backdoor}
    seeds = {name: randomness.derive(run.seed, "recipient", name) for name in poisons}
    jobs = [
        Job(
            work=train_recipient,
            arguments=(name, phases, poison, seeds[name]),
            target=network_file(apparatus, splits.digest, phases, poison, seeds[name], run),
            label=name,
        )
        for name, poison in poisons.items()
    ]
    made, unfit = sorted_out(dict(zip(poisons, pool.carry_out("recipients", jobs), strict=True)))
    others = {name: [Weights(seed=seeds[name], base=ref)] * len(donors) for name, ref in made.items()}
    return {SOURCE: list(donors), **others}, unfit


def train_recipient(
    laboratory: Laboratory,
    name: str,
    phases: tuple[Phase, ...],
    poison: BadNets | None,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    try:
        train_one(laboratory, phases, poison, seed, target=target, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, name, seed))
