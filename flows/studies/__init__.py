"""The studies: the one place that knows them all."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from flows.studies import (
    ablations,
    image_protection,
    invertibility,
    parameter_diffusion,
    robustness,
    strategies,
    transplant,
)
from flows.studies.common import Study
from flows.studies.overrides import as_json, changed, one_of, shown_by, validated
from flows.studies.spec import StudySpec

__all__ = ["STUDIES", "Study", "StudySpec", "as_json", "changed", "configured", "resolve", "spec_of"]

STUDIES: Mapping[str, StudySpec] = {
    spec.name: spec
    for spec in (
        parameter_diffusion.SPEC,
        ablations.SPEC,
        robustness.SPEC,
        transplant.SPEC,
        strategies.SPEC,
        invertibility.SPEC,
        image_protection.SPEC,
    )
}
"""By name, in the order in which a night runs them."""
S = TypeVar("S", bound=Study)


def spec_of(study: str) -> StudySpec:
    """Raises `BadSetting` for a study that does not exist."""
    return STUDIES[one_of(study, STUDIES, "study")]


def resolve(study: str, preset: str, changes: Sequence[str] = (), *, seed: int | None = None) -> Study:
    """The configuration of a preset with `path.to.field=value` changes. Raises `BadSetting`."""
    spec = spec_of(study)
    functions = spec.preset_functions()
    values = as_json(functions[one_of(preset, functions, f"preset of {study}")]())
    if seed is not None:
        values["seed"] = seed
    return validated(spec.configuration, values, changes, shown_by(study, preset))


def configured(study: S | str, configuration: type[S]) -> S:
    """A configuration as it is, or the preset of its kind with that name. Raises `BadSetting`."""
    if not isinstance(study, str):
        return study
    name = next(name for name, spec in STUDIES.items() if spec.configuration is configuration)
    return cast(S, resolve(name, study))
