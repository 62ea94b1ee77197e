"""The Prefect flow of every study; `prefect.yaml` names them by the study."""

from collections.abc import Callable
from typing import Any

from prefect import flow

from flows.runner import RunOptions, study_run
from flows.studies import STUDIES, StudySpec, configured


def study_flow(spec: StudySpec) -> Callable[..., str]:
    """`run(study="digits", options=RunOptions())` runs a configuration, or the preset of that name."""

    def run(study: Any = "digits", options: RunOptions = RunOptions()) -> str:
        chosen = configured(study, spec.configuration)
        with study_run(chosen, options) as active:
            summary, details = spec.body(chosen, active.context)
            return active.publish(summary, details)

    run.__doc__ = spec.description
    run.__annotations__["study"] = spec.configuration | str  # Prefect validates what a deployment is given
    return flow(name=spec.name)(run)


FLOWS = {name: study_flow(spec) for name, spec in STUDIES.items()}
globals().update(FLOWS)
