"""What every study computes, without Prefect, MLflow or a lock around it: for a flow, or for a night in one worker."""

from collections.abc import Callable, Mapping
from typing import Any

from flows.attacking import attack_and_compare
from flows.cells import compare_cells
from flows.comparing import generate_and_compare
from flows.comparing_strategies import compare_strategies
from flows.inverting import train_and_invert
from flows.protecting_images import protect_and_edit
from flows.transplanting import transplant_and_compare
from tasks.runtime.context import RunContext

Body = Callable[[Any, RunContext], tuple[dict[str, Any], dict[str, Any]]]
"""`body(study, context)` returns the study's part of `summary.json`, and `details.json`."""

BODIES: Mapping[str, Body] = {
    "parameter_diffusion": generate_and_compare,
    "ablations": compare_cells,
    "robustness": attack_and_compare,
    "transplant": transplant_and_compare,
    "strategies": compare_strategies,
    "image_protection": protect_and_edit,
    "invertibility": train_and_invert,
}
