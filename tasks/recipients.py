"""The networks that parameters are moved into: the donor itself, one trained independently, and one with a backdoor."""

from collections.abc import Sequence

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Phase, Training
from storage.datasets import Splits
from tasks.align import Weights
from tasks.laboratory import Apparatus
from tasks.pool import Pool
from tasks.run import Run
from tasks.train import train

SOURCE, INDEPENDENT, BADNETS = RECIPIENTS = ("source", "independent", "badnets")


def recipients(
    pool: Pool,
    apparatus: Apparatus,
    splits: Splits,
    donors: Sequence[Weights],
    training: Training,
    backdoor: BadNets,
    run: Run,
) -> dict[str, list[Weights]]:
    """By name, for each donor the network that its rows go into; one independent and one backdoored for all of them.

    The two are trained alike, from initialisations of their own that the run's seed decides.
    """
    phases = (Phase(train=("*",), training=training),)
    found = {SOURCE: list(donors)}
    for name, poison in ((INDEPENDENT, None), (BADNETS, backdoor)):
        seed = randomness.derive(run.seed, "recipient", name)
        (ref,) = train(pool, apparatus, splits, [seed], run, phases=phases, poison=poison)
        found[name] = [Weights(seed=seed, base=ref)] * len(donors)
    return found
