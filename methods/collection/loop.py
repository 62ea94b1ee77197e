"""The one loop that carries out any collection strategy, phase by phase."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from methods import randomness
from methods.collection.phase import Phase, Training
from methods.collection.prefix_cache import Augment, PrefixCache
from methods.collection.reinitialise import reinitialise
from methods.errors import BadSetting
from methods.evaluation.split import Split, split
from methods.layout import Layout, choose
from methods.progress import OnStep, silent
from methods.training.curve import Curve, LossRecorder

Images = UInt8[Tensor, "n c h w"]
Labels = Int[Tensor, " n"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """One row: the parameters after `step` steps (`epoch` epochs) of a phase, and what the live network was worth."""

    epoch: float
    step: int
    learning_rate: float
    accuracy: float
    row: Float[Tensor, " D"]


@dataclasses.dataclass(slots=True)
class Record:
    """What a phase leaves beside its snapshots; complete when its iterator is exhausted."""

    curve: Curve | None = None
    epochs: int = 0
    steps: int = 0
    prefix_passes: int = 0
    """Images pushed through the frozen part of the network."""


def run_phase(
    network: nn.Module,
    phase: Phase,
    layout: Layout,
    *,
    images: Images,
    labels: Labels,
    validation: tuple[UInt8[Tensor, "m c h w"], Int[Tensor, " m"]],
    augment: Augment,
    seed: int,
    cache_bytes: int,
    record: Record,
    on_step: OnStep = silent,
) -> Iterator[Snapshot]:
    """Trains `network` in place, on the device where it and the images lie, and yields a snapshot per row of the plan.

    Raises `Diverged`; `BadSetting` where more rows are asked for than there are steps, or the cache does not fit.
    """
    training = _drawn(phase, seed)
    batches, steps = planned_steps(phase, training, len(images))
    if phase.reinitialise is not None:
        reinitialise(network, phase.reinitialise, seed=seed)
    names = choose(network, phase.train, buffers=layout.buffers).names
    cut = prepare(network, names, layout)
    chosen = [value for name, value in network.named_parameters() if name in names]
    moved = sorted(phase.train)  # names in another order are the same plan
    draw = randomness.generator(seed, "phase", *moved, device=images.device)
    source = PrefixCache(cut, images, augment, views=phase.views, frozen=_frozen(network, names), limit=cache_bytes)
    source.fill(draw, on_step)
    looks = phase.keeps or phase.until is not None
    validate = PrefixCache(cut, validation[0], lambda batch, _: batch, views=1, frozen=looks, limit=cache_bytes)
    if looks:
        validate.fill(draw)
    optimiser = torch.optim.SGD(
        chosen, training.learning_rate, momentum=training.momentum, weight_decay=training.weight_decay
    )
    schedule = _schedule(optimiser, training, steps)
    stage = "collection" if phase.keeps else "base training"
    recorder = LossRecorder(stage, steps, on_step, x_label="epoch", x_per_step=1 / batches)
    due = {math.ceil((row + 1) * steps / phase.rows) for row in range(phase.rows)}
    finds_end = phase.until is not None or phase.linger > 0
    done, epoch, last = 0, 0, training.epochs
    while epoch < last:
        order = torch.randperm(len(images), generator=draw, device=images.device)
        for batch in order[: batches * training.batch_size].split(training.batch_size):
            boundary = source.boundary(epoch, batch, draw)
            # where a part is frozen, dropout and stochastic depth are in eval mode, and there is nothing to draw
            drawing = randomness.global_draws(seed, "layers", *moved, done, device=images.device)
            with drawing if network.training else contextlib.nullcontext():
                loss = nn.functional.cross_entropy(cut.tail(*boundary), labels[batch])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            rate = optimiser.param_groups[0]["lr"]
            optimiser.step()
            schedule.step()
            recorder.add(loss)
            done += 1
            if done in due:
                accuracy = live_accuracy(network, cut, validate, validation[1])
                yield Snapshot(done / batches, done, rate, accuracy, layout.flatten(network.state_dict()))
        epoch += 1
        if finds_end:
            goal = math.inf if phase.until is None else phase.until
            if epoch == last or live_accuracy(network, cut, validate, validation[1]) > goal:
                finds_end, last = False, epoch + phase.lingering(epoch)
                due = {row * batches for row in range(epoch + 1, last + 1)}
    record.curve = recorder.curve()
    record.steps, record.epochs = done, epoch
    record.prefix_passes = source.passes + validate.passes


def planned_steps(phase: Phase, training: Training, images: int) -> tuple[int, int]:
    """Per epoch, and in all at most. Raises `BadSetting` where more rows are asked for than there are steps."""
    batches = max(1, images // training.batch_size)
    steps = phase.most_epochs * batches
    if phase.rows > steps:
        raise BadSetting(
            problem=f"{phase.rows} rows cannot be kept in {steps} steps ({training.epochs} epochs of {batches})",
            remedy="ask for fewer rows or more epochs, or lower the batch size",
        )
    return batches, steps


def _drawn(phase: Phase, seed: int) -> Training:
    """The phase's training, with a batch size drawn where there are several."""
    if not phase.batch_sizes:
        return phase.training
    draw = randomness.generator(seed, "batch size")
    chosen = torch.randint(len(phase.batch_sizes), (1,), generator=draw).item()
    return dataclasses.replace(phase.training, batch_size=phase.batch_sizes[int(chosen)])


def prepare(network: nn.Module, names: tuple[str, ...], layout: Layout) -> Split:
    """Freezes all but `names`, puts every norm into the mode that the buffer policy asks for, and cuts the network."""
    for name, value in network.named_parameters():
        value.requires_grad_(name in names)
    everything = not _frozen(network, names)
    network.train(everything)
    if not everything and layout.buffers != "frozen":
        owners = {name.rpartition(".")[0] for name in names}
        for name, module in network.named_modules():
            if isinstance(module, NORMS):
                module.train(name in owners)
    return split(network, names)


def _frozen(network: nn.Module, names: tuple[str, ...]) -> bool:
    return not {name for name, _ in network.named_parameters()} <= set(names)


@torch.no_grad()
def live_accuracy(network: nn.Module, cut: Split, validation: PrefixCache, labels: Labels) -> float:
    """Accuracy of the network as it stands, in eval mode; every module's mode is put back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    hits = torch.zeros((), dtype=torch.int64, device=labels.device)
    for batch in torch.arange(len(labels), device=labels.device).split(1024):
        hits += (cut.tail(*validation.boundary(0, batch, None)).argmax(1) == labels[batch]).sum()
    for module, mode in modes:
        module.training = mode
    return hits.item() / len(labels)


def _schedule(optimiser: torch.optim.Optimizer, training: Training, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate as a function of the step (PyTorch's own schedulers, advanced once a step)."""
    schedulers = torch.optim.lr_scheduler
    match training.schedule:
        case "constant":
            return schedulers.ConstantLR(optimiser, factor=1.0)
        case "cosine":
            return schedulers.CosineAnnealingLR(optimiser, steps)
        case "one_cycle":
            return schedulers.OneCycleLR(
                optimiser, training.learning_rate, total_steps=steps + 1, pct_start=0.25, cycle_momentum=False
            )
        case "steps":
            milestones = [round(share * steps) for share in training.milestones]
            return schedulers.MultiStepLR(optimiser, milestones, gamma=training.decay)
