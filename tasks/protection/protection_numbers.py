"""What the rows of a method say: means over images, beside the control's on the same images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.protection.protect import Trial
from tasks.protection.transforms import SAVED

Rows = Mapping[str, np.ndarray]
MEANS = ("psnr", "ssim", "ssim_edit", "ssim_incomplete", "ssim_benign", "ssim_far")
RESAMPLES = 2_000


def method_numbers(
    rows: Rows, inpainter: str, trial: Trial, controls: Mapping[float, str], seed: int
) -> dict[str, Any]:
    """`{n, epsilon, psnr, ssim_edit, …, transforms, transfer, control}` of one method against one inpainter.

    control: of noise at the same ε on the same images, with `effect_ratio`, how many times as far 1 − ssim_edit is from
    0, and `gain`, by how much ssim_edit is lower (95 % bootstrap interval over images); null where there is none.
    """
    every = (rows["crafted_on"] == inpainter) & (rows["method"] == trial.name)
    own = every & (rows["editor"] == inpainter) & (rows["transform"] == SAVED)
    told: dict[str, Any] = {"n": int(own.sum()), "photographs": len(set(rows["photograph"][own]))}
    told |= {"epsilon": trial.epsilon, **{name: mean(rows[name][own]) for name in MEANS}}
    told |= {
        "ssim_edit_std": float(rows["ssim_edit"][own].std(ddof=1)) if told["n"] > 1 else 0.0,
        "target_mse_ratio": ratio(rows, own),
        "protected_share": mean(rows["protected"][own]),
        "hidden_share": mean(rows["hidden"][own]),
        "seconds_per_image": mean(rows["seconds"][own]),
    }
    told["transforms"] = {
        name: edits(rows, every & (rows["editor"] == inpainter) & (rows["transform"] == name))
        for name in dict.fromkeys(rows["transform"][every])
    }
    told["transfer"] = {
        name: edits(rows, every & (rows["editor"] == name))
        for name in dict.fromkeys(rows["editor"][every])
        if name != inpainter
    }
    told["control"] = beside(rows, own, inpainter, trial, controls.get(trial.epsilon), seed)
    return told


def edits(rows: Rows, chosen: Bool[np.ndarray, " k"]) -> dict[str, float]:
    numbers = {"ssim_edit": mean(rows["ssim_edit"][chosen]), "protected_share": mean(rows["protected"][chosen])}
    return numbers | {"target_mse_ratio": ratio(rows, chosen)}


def beside(
    rows: Rows, own: Bool[np.ndarray, " k"], inpainter: str, trial: Trial, control: str | None, seed: int
) -> dict[str, Any] | None:
    if control is None or control == trial.name:
        return None
    theirs = (rows["crafted_on"] == inpainter) & (rows["method"] == control)
    theirs &= (rows["editor"] == inpainter) & (rows["transform"] == SAVED)
    theirs &= np.isin(rows["sample"], rows["sample"][own])
    noise, edit = (rows["ssim_edit"][each][np.argsort(rows["sample"][each])] for each in (theirs, own))
    effect = 1 - float(noise.mean())
    return {
        "method": control,
        "ssim_edit": float(noise.mean()),
        "target_mse_ratio": ratio(rows, theirs),
        "effect_ratio": (1 - float(edit.mean())) / effect if effect > 0 else None,
        "gain": float((noise - edit).mean()),
        "ci95": interval(noise - edit, seed),
    }


def interval(values: Float[np.ndarray, " n"], seed: int) -> list[float]:
    """Percentile bootstrap of the mean; squares of one photograph are taken for independent, which they are not."""
    places = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    return [float(end) for end in np.quantile(values[places].mean(1), [0.025, 0.975])]


def ratio(rows: Rows, chosen: Bool[np.ndarray, " k"]) -> float:
    """Mean distance to φ after protection, over that before."""
    return float(rows["target_mse"][chosen].mean() / rows["target_mse_clean"][chosen].mean())


def mean(values: np.ndarray) -> float:
    return float(values.astype(float).mean())


def curve(numbers: Mapping[str, Mapping[str, Any]], trials: Mapping[str, Trial], broken: float) -> dict[str, Any]:
    """The strongest method at each ε, and the least ε at which ssim_edit is at most `broken`; null: at none.

    Methods that took only some of the images are left out: they are not to be compared with the others.
    """
    points: dict[float, dict[str, Any]] = {}
    for name, told in numbers.items():
        if told["control"] is not None and trials[name].images is None:
            point = {"method": name, **{key: told[key] for key in ("n", "epsilon", "ssim_edit", "target_mse_ratio")}}
            point["control_ssim_edit"] = told["control"]["ssim_edit"]
            point["effect_ratio"] = told["control"]["effect_ratio"]
            best = points.get(trials[name].epsilon)
            if best is None or point["ssim_edit"] < best["ssim_edit"]:
                points[trials[name].epsilon] = point
    line = [points[epsilon] for epsilon in sorted(points)]
    reached = [point["epsilon"] for point in line if point["ssim_edit"] <= broken]
    return {"curve": line, "broken_at": min(reached, default=None)}
