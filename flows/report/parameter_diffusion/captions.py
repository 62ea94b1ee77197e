"""What the figures of a parameter-diffusion run show, said with the run's own numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.report.parameter_diffusion.comparison import baselines_of, subject_of
from flows.report.style import PANELS
from tasks.results.formatting import GENERATORS, number, percent


def accuracies(summary: Mapping[str, Any]) -> str:
    text = "Every dot is a model, the bar its set's mean, the dashed line the mean of the originals."
    if subject := subject_of(summary):
        made, original = summary["generated"][subject], summary["original"]
        text += (
            f" {subject} spreads from {percent(made['worst'])} to {percent(made['best'])} %, "
            f"the originals from {percent(original['worst'])} to {percent(original['best'])} %."
        )
        better = [name for name, mean in baselines_of(summary).items() if mean >= made["mean"]]
        total = len(baselines_of(summary))
        text += f" {len(better)} of {total} baselines have at least the generator's mean" + (
            f": {', '.join(better)}." if better else "."
        )
    return text


def parameter_space(pca: Sequence[Mapping[str, Any]]) -> str:
    held = np.mean([sum(plane["explained"][:2]) for plane in pca])
    text = (
        "Originals joined in the order of training, light to dark, in the plane of their two leading principal "
        f"components, which holds {100 * held:.0f} % of their variance."
    )
    spreads = {}
    for name in (*GENERATORS, "gaussian"):
        ratios = [
            _spread(p["groups"][name]) / _spread(p["groups"]["original"])
            for p in pca
            if len(p["groups"].get(name, ())) > 1
        ]
        if ratios:
            spreads[name] = f"{name} {np.mean(ratios):.2f} times"
    if spreads:
        text += f" Spread in this plane, against the originals': {', '.join(spreads.values())}."
    return text + (f" The first {PANELS} of {len(pca)} seeds are shown." if len(pca) > PANELS else "")


def _spread(points: Sequence[Sequence[float]]) -> float:
    return float(np.sqrt(np.var(np.asarray(points), axis=0).sum()))


def snapshots(runs: Sequence[Mapping[str, Any]]) -> str:
    taken, back = (np.concatenate([run[key] for run in runs]) for key in ("accuracy", "accuracy_reloaded"))
    text = f"Accuracy of the {len(taken)} snapshots, from {percent(taken.min())} to {percent(taken.max())} %."
    gap = np.abs(taken - back)
    if not gap.any():
        return text + " Written back into a network, every one has exactly the accuracy that it had when it was taken."
    return text + (
        f" Written back into a network, {np.count_nonzero(gap)} have another accuracy than when they were taken "
        f"(dots), by up to {percent(gap.max())} points."
    )


def losses(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    ends = (f"{name} {number(float(np.mean([line['y'][-1] for line in lines])))}" for name, lines in curves.items())
    averaged = ", averaged over the seeds" if any(len(lines) > 1 for lines in curves.values()) else ""
    return f"Last values{averaged}: {', '.join(ends)}."
