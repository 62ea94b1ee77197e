"""Moving parameters into other networks: one job per set of rows and recipient, its product the numbers of each row."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from methods.alignment.permutation import row_order
from methods.backdoor.badnets import BadNets
from methods.layout import Layout
from methods.progress import OnStep
from storage.datasets import Split
from storage.files import Ref, verify_ref
from storage.formats import count_rows, publish_tensors, read_tensors
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.evaluate import BLOCK, BLOCK_BYTES, stored_rows
from tasks.robustness.attack import chosen_samples
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import ALIGNED, AS_IS, KINDS, Pair, Weights, permutations_of
from tasks.transplant.stitch import STITCHED, Stitch, Stitching, fit_stitch, head_of

MEASURED = ("accuracy", "asr", "robust_accuracy", "agreement_donor", "agreement_recipient")
ALONE = "alone"
"""In place of a kind: the recipient as it is, with nothing written into it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Graft:
    """Rows of a donor, and the network that they are written into.

    rows: a snapshot set, of which those of the donor's seed are taken (`collected`), or a file of generated rows.
    layout: which numbers a row holds.
    """

    name: str
    rows: Ref
    collected: bool
    layout: Layout
    donor: Weights
    recipient: Weights

    @property
    def pair(self) -> Pair:
        return self.donor, self.recipient

    def count(self) -> int:
        if self.collected:
            return SnapshotSet.open(self.rows).scalars(seeds=[self.donor.seed]).num_rows
        return count_rows(self.rows.path, "rows")


@stage
def transplant(
    context: RunContext,
    grafts: Sequence[Graft],
    matchings: Mapping[Pair, Ref],
    backdoor: BadNets,
    *,
    kinds: tuple[str, ...] = KINDS,
    images: int | None = None,
    stitching: Stitching | None = None,
) -> list[Ref]:
    """In the order of the grafts, files for `read_transplant`.

    matchings: as `align` gives them, for all pairs. kinds: in which orders the donor's units are tried. images: how
    many of the test split, evenly spread; all if None. stitching: adds the kind `STITCHED` where the recipient is not
    the donor and rows hold the head.
    """
    test = len(context.splits.test)
    samples = chosen_samples(test, images or test)
    items = {graft.name: (graft, matchings[graft.pair], backdoor, samples, kinds, stitching) for graft in grafts}
    found = map_jobs(context, "transplant", transplant_one, items, product="transplants", suffix=".safetensors")
    return [found[graft.name] for graft in grafts]


def transplant_one(
    worker_context: ClassifierContext,
    graft: Graft,
    matching: Ref,
    backdoor: BadNets,
    samples: Sequence[int],
    kinds: tuple[str, ...],
    stitching: Stitching | None,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    verify_ref(graft.rows)
    layout, total = graft.layout, graft.count()
    orders = torch.stack([row_order(layout, worker_context.groups, permutations_of(matching, kind)) for kind in kinds])
    distinct, of_name = torch.unique(orders, dim=0, return_inverse=True)  # in the donor itself all are one
    donor, recipient = (worker_context.network(each.seed, each.base) for each in graft.pair)
    stitch = None if stitching is None else stitch_of(worker_context, graft, matching, stitching, donor, recipient)
    names = kinds
    if stitch is not None:
        names, of_name = (*kinds, STITCHED), torch.cat([of_name, torch.tensor([len(distinct)])])
    test = part(worker_context.test, samples)
    images, labels = triggered(test, backdoor)
    images = torch.cat([test.images, images])
    untouched = worker_context.predictions(recipient, layout, own_row(layout, recipient), images)
    own, own_attacked = untouched.split([len(samples), len(labels)], 1)
    variants = len(distinct) + (stitch is not None)
    step = max(1, min(BLOCK, BLOCK_BYTES // (4 * layout.size)) // variants)
    found = []
    for start in range(0, total, step):
        stop = min(start + step, total)
        rows = stored_rows(graft.rows, graft.donor.seed, start, stop, collected=graft.collected)
        # all orders at once: they share the recipient's prefix
        moved = rows[:, distinct].movedim(1, 0)
        if stitch is not None:
            moved = torch.cat([moved, stitch(rows)[None]])
        predicted = worker_context.predictions(recipient, layout, moved.flatten(0, 1), images)
        predicted = predicted.unflatten(0, (variants, -1))[of_name]
        clean, attacked = predicted.split([len(samples), len(labels)], -1)
        if graft.donor == graft.recipient and AS_IS in kinds:
            at_home = clean[kinds.index(AS_IS)]
        else:
            at_home = worker_context.predictions(donor, layout, rows, test.images)
        found.append(
            torch.stack(
                [
                    *measured(clean, test.labels.cpu(), attacked, labels, backdoor),
                    (clean == at_home).double().mean(-1),
                    (clean == own).double().mean(-1),
                ]
            )
        )
        on_step("models", stop, total)
    numbers = torch.cat(found, -1)
    alone = measured(own, test.labels.cpu(), own_attacked, labels, backdoor)
    named = {f"{ALONE}/{name}": value for name, value in zip(MEASURED[: len(alone)], alone, strict=True)}
    named |= {
        f"{kind}/{name}": numbers[column, place]
        for place, kind in enumerate(names)
        for column, name in enumerate(MEASURED)
    }
    publish_tensors(target, named, {})


def stitch_of(
    worker_context: ClassifierContext,
    graft: Graft,
    matching: Ref,
    stitching: Stitching,
    donor: torch.nn.Module,
    recipient: torch.nn.Module,
) -> Stitch | None:
    """None where the recipient is the donor, or the rows do not hold the head."""
    layout, total = graft.layout, graft.count()
    head = head_of(recipient, layout)
    if head is None or graft.donor == graft.recipient:
        return None
    mean, step = torch.zeros(layout.size), max(1, BLOCK_BYTES // (4 * layout.size))
    for start in range(0, total, step):
        stop = min(start + step, total)
        mean += stored_rows(graft.rows, graft.donor.seed, start, stop, collected=graft.collected).sum(0) / total
    order = row_order(layout, worker_context.groups, permutations_of(matching, ALIGNED))
    return fit_stitch(worker_context, stitching, layout, head, donor=donor, recipient=recipient, mean=mean, order=order)


def measured(
    clean: Int[Tensor, "*models n"],
    truth: Int[Tensor, " n"],
    attacked: Int[Tensor, "*models m"],
    attacked_truth: Int[Tensor, " m"],
    backdoor: BadNets,
) -> tuple[Float[Tensor, "*models"], ...]:
    """The first three of `MEASURED`, from predictions for clean and for triggered images."""
    accuracy = (clean == truth).double().mean(-1)
    robust = backdoor.robust_accuracy(attacked, attacked_truth)
    return accuracy, backdoor.success(attacked, attacked_truth), robust


def triggered(test: Split, backdoor: BadNets) -> tuple[UInt8[Tensor, "m c h w"], Int[Tensor, " m"]]:
    """The images of other classes than the target's, with the trigger in them, and on the CPU their true labels."""
    others = test.labels != backdoor.target
    return backdoor.trigger(test.images[others]), test.labels[others].cpu()


def own_row(layout: Layout, network: torch.nn.Module) -> Float[Tensor, "1 D"]:
    """What the network itself has where a row would be written."""
    return layout.flatten(network.state_dict())[None]


def read_transplant(ref: Ref) -> dict[str, dict[str, Float[np.ndarray, " n"]]]:
    """Per kind, for each row: `MEASURED`, fractions in [0, 1]; under `ALONE` the recipient's own, but for agreements.

    accuracy: on clean test images. asr, robust_accuracy: on triggered ones. agreement_donor: share of the clean images
    on which the recipient with the row predicts what the donor with the same row does; agreement_recipient: what the
    recipient predicts without it.
    """
    tensors, _ = read_tensors(ref.path)
    told: dict[str, dict[str, np.ndarray]] = {}
    for name, values in tensors.items():
        kind, _, measured = name.partition("/")
        told.setdefault(kind, {})[measured] = values.numpy()
    return told


def part(split: Split, samples: Sequence[int]) -> Split:
    """The images with these indices."""
    chosen = torch.tensor(samples, device=split.labels.device)
    return Split(images=split.images[chosen], labels=split.labels[chosen])
