"""From the tables of edits to `summary.json` and `details.json`."""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from methods.protection.judging import Judge
from methods.protection.noise_control import NoiseControl
from methods.protection.training_time import TrainingTime
from storage.datasets import Splits
from storage.files import Ref
from storage.pictures import as_png
from storage.protection_rows import read_judged
from tasks.generation.summarise import data_facts
from tasks.protection.backdoor_training import IMPLANTED
from tasks.protection.protect import Block, Trial, protected_pictures
from tasks.protection.protection_alternatives import alternatives
from tasks.protection.protection_numbers import Rows, curve, method_numbers
from tasks.protection.protection_verdict import verdict
from tasks.protection.regions import Regions, region_masks
from tasks.results.unfit import Unfit, as_records, distinct, entry, headline


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """protected, judged: a table for each block of the plan. fills: how well each editor fills, by name. backdoor: what
    the backdoored inpainter does with and without its trigger; empty where there is none."""

    plan: tuple[Block, ...]
    protected: tuple[Ref, ...]
    judged: tuple[Ref, ...]
    fills: Mapping[str, Mapping[str, float]]
    backdoor: Mapping[str, float]
    unfit: Mapping[str, Unfit] = dataclasses.field(default_factory=dict)
    """By name of an inpainter, or of a method that needs the backdoored one."""


def summarise_protection(
    products: Products, regions: Regions, judge: Judge, broken: float, splits: Splits, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = read_judged([ref.path for ref in products.judged])
    subject = products.plan[0].tool.name
    crafted_on: dict[str, dict[str, Trial]] = {}
    for block in products.plan:
        crafted_on.setdefault(block.tool.name, {})[block.trial.name] = block.trial
    numbers = {
        inpainter: {
            name: method_numbers(rows, inpainter, trial, controls(trials), seed) for name, trial in trials.items()
        }
        for inpainter, trials in crafted_on.items()
    }
    implanted = {
        name: told
        for inpainter, trials in crafted_on.items()
        for name, told in numbers[inpainter].items()
        if isinstance(trials[name].method, TrainingTime)
    }
    vulnerability = {
        inpainter: curve(numbers[inpainter], trials, broken)
        for inpainter, trials in crafted_on.items()
        if not all(isinstance(trial.method, TrainingTime) for trial in trials.values())
    }
    spoilt = [name for name, record in products.unfit.items() if record.part == IMPLANTED]
    summary: dict[str, Any] = {
        "subject": subject,
        "methods": numbers[subject] | implanted | {name: entry([products.unfit[name]]) for name in spoilt},
        "beside": alternatives(crafted_on[subject]),
        "inpainters": dict(products.fills)
        | {name: entry([record]) for name, record in products.unfit.items() if name not in spoilt},
        "backdoor": dict(products.backdoor),
        "vulnerability": vulnerability,
        "variants": {name: numbers[name] for name in vulnerability if name != subject},
        "limits": dataclasses.asdict(judge) | {"broken": broken},
        "data": data_facts(splits),
        "unfit": as_records(products.unfit.values()),
    }
    said = [headline([record], f"The inpainter {record.part}") for record in distinct(products.unfit.values())]
    details = {"gallery": gallery(products, rows, regions, splits), "references": references(products)}
    return {"verdict": " ".join([*said, verdict(summary)]), **summary}, details


def controls(trials: Mapping[str, Trial]) -> dict[float, str]:
    """The name of the control at each ε."""
    return {trial.epsilon: name for name, trial in trials.items() if isinstance(trial.method, NoiseControl)}


def mask(regions: Regions, splits: Splits, sample: int) -> bytes:
    """The region of a square, white on black, as PNG."""
    found = region_masks(regions, splits.test.images[sample : sample + 1], [sample])[0]
    return as_png((255 * found).byte().expand(3, -1, -1))


def references(products: Products) -> dict[str, dict[str, str]]:
    return {
        f"{kind} {number}": {"path": ref.path, "sha256": ref.sha256}
        for kind, refs in (("protected", products.protected), ("judged", products.judged))
        for number, ref in enumerate(refs)
    }


def gallery(products: Products, rows: Rows, regions: Regions, splits: Splits) -> list[dict[str, Any]]:
    """Pictures as PNG in base64: of the first images, what each method made of them, and what the editor made then."""
    images: dict[tuple[str, str], dict[int, Any]] = {}
    for block, ref in zip(products.plan, products.protected, strict=True):
        if block.samples[0] == 0:
            images[block.tool.name, block.trial.name] = protected_pictures(ref)
    masks = {sample: mask(regions, splits, sample) for made in images.values() for sample in made}
    found = []
    for place in np.flatnonzero([edit is not None for edit in rows["edit"]]):
        key, sample = (rows["crafted_on"][place], rows["method"][place]), int(rows["sample"][place])
        pictures = {
            "original": as_png(splits.test.images[sample]),
            "mask": masks[sample],
            "protected": as_png(images[key][sample]),
            "edit": rows["edit"][place],
            "edit_clean": rows["edit_clean"][place],
        }
        found.append(
            {"inpainter": key[0], "method": key[1], "sample": sample, "ssim_edit": float(rows["ssim_edit"][place])}
            | {name: base64.b64encode(content).decode() for name, content in pictures.items()}
        )
    return found
