"""The study `parameter_diffusion`: collect parameters, learn to generate them, compare with originals and baselines."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen
from pydantic import Field

from flows.studies.common import OfSeeds, Seed
from flows.studies.spec import StudySpec
from methods.collection.strategy import Strategy
from models import Network
from storage.datasets import Data
from tasks.classifiers.classifier_context import ContextConfig
from tasks.classifiers.collect import collect
from tasks.classifiers.evaluate import evaluate
from tasks.classifiers.imported import Imported
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material
from tasks.generation.audit import audit
from tasks.generation.fit import fit
from tasks.generation.generators import NOISE_MATCHED, GeneratorConfig, sampled_names
from tasks.generation.match_noise import match
from tasks.generation.sample import sample
from tasks.generation.summarise import Products, summarise
from tasks.results.unfit import sorted_out
from tasks.runtime.context import RunContext
from tasks.runtime.resources import Resources


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDiffusion(OfSeeds):
    """Every number that decides a run.

    seeds: one base network each, trained and collected side by side. seed: of the generators and their samples.
    samples: models generated per base network and generator. fit_rows: how many of the snapshots generators are
    fitted on, evenly spread; all that are not held out if null.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["parameter_diffusion"] = "parameter_diffusion"
    preset: str = "custom"
    data: Data
    network: Annotated[Network, Field(discriminator="kind")]
    strategy: Annotated[Strategy | Imported, Field(discriminator="kind")]
    generator: Annotated[GeneratorConfig, Field(discriminator="kind")]
    samples: Annotated[int, Ge(2)] = 200
    fit_rows: Annotated[int, Ge(1)] | None = None
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    @property
    def context_config(self) -> ContextConfig:
        return ContextConfig(data=self.data, network=self.network, strategy=self.strategy, resources=self.resources)


class OverBase(OfSeeds):
    """A study about the networks of another, whose data, resources and context configuration are its own."""

    __slots__ = ()
    base: ParameterDiffusion

    @property
    def data(self) -> Data:
        return self.base.data

    @property
    def resources(self) -> Resources:
        return self.base.resources

    @property
    def context_config(self) -> ContextConfig:
        return self.base.context_config


def generate_and_compare(study: ParameterDiffusion, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`.

    Every stage finds what is committed already, and hands on references.
    """
    seeds, config, subject = study.seeds, study.generator, study.generator.kind
    bases = train(context, seeds)
    snapshots, records = collect(context, seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    names = sampled_names(config, study.strategy.runs)
    fits = fit(context, config, names, material, seeds, bases)
    generated, missing = sorted_out(sample(context, config, names, material, fits, study.samples))
    missing |= {(seed, NOISE_MATCHED): each for (seed, name), each in missing.items() if name == subject}
    matched = match(context, subject, material, generated, seeds, bases)
    generated |= sample(context, config, [NOISE_MATCHED], material, matched, study.samples)
    scores = evaluate(context, snapshots, generated, seeds, bases)
    audits = audit(context, subject, material, generated, scores, seeds, bases)
    products = Products(
        seeds=seeds,
        bases=tuple(bases),
        snapshots=snapshots,
        records=tuple(records),
        fits=fits | matched,
        generated=generated,
        scores=tuple(scores),
        audits=tuple(audits),
        missing=missing,
    )
    return summarise(products, context.splits, subject, study.seed)


SPEC = StudySpec(
    configuration=ParameterDiffusion,
    body=generate_and_compare,
    description="One study; choose a preset, or give the whole configuration.",
    presets=("flows.presets.parameter_diffusion", "flows.presets.whole_networks"),
    chapter="flows.report.parameter_diffusion.chapter",
)
