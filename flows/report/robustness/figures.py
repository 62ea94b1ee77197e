"""The figures of a robustness study."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from flows.report.style import GREEN, GREY, INK, ORANGE, SEEDS, panels, styled

NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0 (pixels)"}
LINES = ("-", "--", "-.", ":")


@styled
def curves(
    distances: Mapping[str, Mapping[str, Sequence[float | None]]],
    norms: Mapping[str, str],
    budgets: Mapping[str, float],
) -> Figure:
    """A panel per attack that looks for the nearest adversarial image, in its norm; a line per network."""
    attacks = list(dict.fromkeys(name for found in distances.values() for name in found))
    figure, places = panels(len(attacks))
    for axes, attack in zip(places, attacks, strict=True):
        norm = norms[attack]
        far = [d for found in distances.values() for d in found.get(attack, ()) if d]
        end = 1.05 * max([*far, budgets[norm]])
        for place, (model, found) in enumerate(distances.items()):
            if attack not in found:
                continue
            sizes = np.array([np.inf if d is None else d for d in found[attack]])
            epsilon = np.concatenate([[0.0], np.sort(sizes[np.isfinite(sizes)]), [end]])
            alive = [100 * float(np.mean(sizes > e)) for e in epsilon]
            line = LINES[place // len(SEEDS) % len(LINES)]
            axes.step(epsilon, alive, where="post", color=SEEDS[place % len(SEEDS)], linestyle=line, label=model)
        axes.axvline(budgets[norm], color=GREY, linewidth=0.9, linestyle=":")
        axes.set(title=attack, xlabel=f"ε, {NORMS[norm]}", xlim=(0, end), ylim=(0, 102))
    places[0].set_ylabel("robust accuracy, %")
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def siblings(models: Mapping[str, Mapping[str, Any]]) -> Figure:
    attacks = list(models["generated"]["attacks"])
    figure, places = panels(len(attacks))
    colours = dict(zip(models, (ORANGE, SEEDS[0], INK), strict=True))
    rng = np.random.default_rng(0)
    for axes, attack in zip(places, attacks, strict=True):
        for place, (name, model) in enumerate(models.items()):
            told = model["attacks"][attack]
            values = np.array(told.get("per_member", {}).get("accuracies", [told["robust_accuracy"]]))
            beside = place + 0.25 * (rng.random(len(values)) - 0.5)
            axes.plot(beside, 100 * values, "o", color=colours[name], markersize=4, alpha=0.6, markeredgewidth=0)
            axes.plot([place - 0.25, place + 0.25], [100 * values.mean()] * 2, color=colours[name])
        axes.set_xticks(range(len(models)), list(models))
        axes.set(title=attack, xlim=(-0.6, len(models) - 0.4))
        axes.grid(axis="x", visible=False)
    places[0].set_ylabel("robust accuracy, %")
    return figure


@styled
def gallery(pictures: Mapping[str, Any], attacked: Sequence[Mapping[str, Any]]) -> Figure:
    """A row per attack; per sample the original, the adversarial image and their enlarged difference."""
    attacks = list(dict.fromkeys(each["attack"] for each in attacked))
    samples = list(dict.fromkeys(each["sample"] for each in attacked))
    found = {(each["attack"], each["sample"]): each for each in attacked}
    classes, shape = pictures["classes"], pictures["shape"]
    figure = Figure(figsize=(1.2 + 2.4 * len(samples), 0.6 + 0.98 * len(attacks)), layout="constrained")
    places = figure.subplots(len(attacks), 3 * len(samples), squeeze=False)
    for axes in places.flatten():
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    for row, attack in enumerate(attacks):
        places[row, 0].set_ylabel(attack, rotation=0, ha="right", va="center", fontsize=8)
        for column, sample in enumerate(samples):
            told = found.get((attack, sample))
            if told is None:
                continue
            original, adversarial = pixels(pictures["originals"][str(sample)], shape), pixels(told["picture"], shape)
            delta = adversarial - original
            factor = 0.5 / max(float(np.abs(delta).max()), 1e-9)
            triple = (original, adversarial, np.clip(0.5 + factor * delta, 0, 1))
            words = (classes[told["label"]], classes[told["prediction"]], f"× {factor:.2g}" if delta.any() else "none")
            colour = GREEN if told["success"] else GREY
            for axes, image, word in zip(places[row, 3 * column : 3 * column + 3], triple, words, strict=True):
                axes.imshow(image.squeeze(-1) if shape[0] == 1 else image, cmap="gray", vmin=0, vmax=1)
                axes.set_xlabel(word, fontsize=7, labelpad=1, color=INK if word == words[0] else colour)
    return figure


def pixels(encoded: str, shape: Sequence[int]) -> Float[np.ndarray, "*images h w c"]:
    """float32 pixels in base64 as an image, or as several, channels last."""
    return np.moveaxis(np.frombuffer(base64.b64decode(encoded), np.float32).reshape(shape), -3, -1)


@styled
def tutorial(story: Mapping[str, Any]) -> Figure:
    """Original, adversarial image and 50 × δ + ½; below them the loss and the probability of the true class."""
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1.4, 1))
    original, adversarial = (pixels(story["pictures"][name], story["shape"]) for name in ("original", "adversarial"))
    heads = (story["before"][0]["class"], story["after"][0]["class"], "50 × δ")
    images = (original, adversarial, np.clip(0.5 + 50 * (adversarial - original), 0, 1))
    for place, (head, image) in enumerate(zip(heads, images, strict=True)):
        axes = figure.add_subplot(grid[0, 2 * place : 2 * place + 2])
        axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], title=head)
        axes.grid(visible=False)
    steps = [line["step"] for line in story["lines"]]
    loss, chance = figure.add_subplot(grid[1, :3]), figure.add_subplot(grid[1, 3:])
    loss.plot(steps, [line["loss"] for line in story["lines"]], color=ORANGE)
    loss.set(xlabel="step", ylabel="loss")
    chance.plot(steps, [100 * line["true_probability"] for line in story["lines"]], color=SEEDS[0])
    chance.set(xlabel="step", ylabel="true class, %", ylim=(-2, 102))
    return figure
