"""The study `invertibility`: what invertible classifiers fail to see, and independence cross-entropy against it."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen

from flows.studies.common import OfSeeds, Seed, unique
from flows.studies.spec import StudySpec
from methods.collection.whole import ManySeeds
from methods.errors import BadSetting
from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.readout import Readout
from methods.invertibility.shifts import Binary, Textured, shifted
from models import InvertibleNetwork
from storage.datasets import Data, Splits
from tasks.classifiers.classifier_context import ContextConfig
from tasks.invertibility.distribution_shift import measure_shifts
from tasks.invertibility.invertible_training import CE, CONTROL, ICE, Loss, Training, fit_and_unfit, train_invertible
from tasks.invertibility.metamers import Exhibition, make_metamers
from tasks.invertibility.nuisance import invertible_and_not, read_nuisance
from tasks.invertibility.reference_classifier import Witness, witness
from tasks.invertibility.summarise_invertibility import Inverted, summarise_invertibility
from tasks.robustness.adapters.libraries import LibraryAttack, imported
from tasks.robustness.attack import attack
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets
from tasks.runtime.context import RunContext
from tasks.runtime.resources import Resources


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invertibility(OfSeeds):
    """Invertible classifiers trained by cross-entropy, by independence cross-entropy, and by a control between them.

    seeds: one network of each loss, from equal initial values. witness: the independent classifier that says what a
    metamer looks like. binary, textured: marks of the class, each a training of all losses; shift_epochs: of these, if
    not the losses'. images: of the test split, attacked on all networks, in blocks of `block`; budgets: how far counts.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    study: Literal["invertibility"] = "invertibility"
    preset: str = "custom"
    data: Data
    network: InvertibleNetwork
    ce: CrossEntropy
    ice: IndependenceCrossEntropy
    witness: Witness
    readout: Readout = Readout()
    metamers: Exhibition = Exhibition()
    binary: Binary = Binary()
    textured: Textured = Textured()
    shift_epochs: Annotated[int, Ge(1)] | None = None
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]
    budgets: Budgets
    images: Annotated[int, Ge(1)] = 100
    block: Annotated[int, Ge(1)] = 100
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    def __post_init__(self) -> None:
        """Raises `BadSetting` for attacks of one name, and for a reader smaller than the adversary."""
        unique("attacks", [attempt.name for attempt in self.attacks])
        if len(self.readout.hidden) < len(self.ice.adversary) or min(self.readout.hidden) < max(self.ice.adversary):
            raise BadSetting(
                problem=f"readout.hidden: {list(self.readout.hidden)} is smaller than ice.adversary, "
                f"{list(self.ice.adversary)}",
                remedy="read with at least as many units as the network was trained to hide from",
            )

    @property
    def losses(self) -> dict[str, Loss]:
        """By name, the slowest first. The control is iCE without what hides the class: cross-entropy and likelihood."""
        control = dataclasses.replace(self.ice, nuisance_weight=0.0, neighbours=None)
        return {ICE: self.ice, CONTROL: control, CE: self.ce}

    @property
    def shifts(self) -> tuple[Binary, Textured]:
        return self.binary, self.textured

    @property
    def context_config(self) -> ContextConfig:
        # nothing is collected here: what stands in the strategy's place trains the witness, and keeps all of it
        strategy = ManySeeds(keep=("*",), first=self.witness.training, rows=1)
        return ContextConfig(data=self.data, network=self.network, strategy=strategy, resources=self.resources)


def train_and_invert(study: Invertibility, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    check(study, context.splits)
    plain, marked = trainings(study)
    made = train_invertible(context, [*plain, *marked])
    trained, unfit = fit_and_unfit(made, [*plain, *marked])
    subjects = [subject for subject, each in trained if each.mark is None]
    seen_by = witness(context, study.witness)
    marks = [(subject, each.mark) for subject, each in trained if each.mark]
    read = read_nuisance(context, subjects, study.readout)
    subjects, lost = invertible_and_not(read)
    products = Inverted(
        subjects=tuple(subjects),
        read=tuple(read[subject] for subject in subjects),
        metamers=tuple(make_metamers(context, subjects, study.metamers, study.witness, seen_by)),
        marked=tuple(marks),
        shifts=tuple(measure_shifts(context, marks)),
        attacked=tuple(
            attack(
                context,
                [(subject, attempt) for subject in subjects for attempt in study.attacks],
                study.images,
                study.block,
            )
        ),
        unfit=(*unfit, *lost),
    )
    return summarise_invertibility(products, study.budgets, context.splits, context.seed)


def trainings(study: Invertibility) -> tuple[list[Training], list[Training]]:
    """On the images as they are, and on marked ones; the slower loss first, so that no worker ends with it alone."""
    seeds = list(enumerate(study.seeds))
    plain = [
        Training(name=name, loss=loss, seed=seed, member=member)
        for name, loss in study.losses.items()
        for member, seed in seeds
    ]
    marked = [
        Training(name=name, loss=shortened(loss, study.shift_epochs), seed=seed, member=member, mark=mark)
        for name, loss in study.losses.items()
        for mark in study.shifts
        for member, seed in seeds
    ]
    return plain, marked


def shortened(loss: Loss, epochs: int | None) -> Loss:
    if epochs is None:
        return loss
    return dataclasses.replace(loss, schedule=dataclasses.replace(loss.schedule, epochs=epochs))


def check(study: Invertibility, splits: Splits) -> None:
    """Raises `BadSetting` or `BadData` for what would be found missing only after training."""
    for attempt in study.attacks:
        if isinstance(attempt.attack, LibraryAttack):
            imported(attempt.attack.package)
    if len(splits.test.labels.unique()) < 2:
        raise BadSetting(problem=f"the test images of {splits.name} have one class", remedy="metamers need two classes")
    for mark in study.shifts:
        shifted(mark, splits.test.images[:1], classes=len(splits.classes), seed=0)  # says so where it does not fit


SPEC = StudySpec(
    configuration=Invertibility,
    body=train_and_invert,
    description="Invertible classifiers, what they fail to see; choose a preset, or give the whole configuration.",
    presets=("flows.presets.invertibility",),
    chapter="flows.report.invertibility.chapter",
)
