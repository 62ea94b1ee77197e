"""Hundreds of models that differ in a few layers, evaluated on the same images.

The prefix of the network runs once per image; on each batch of its results the tails of all models follow, several
models in one call. Memory is bounded by one batch of boundary tensors and one call's worth of activations.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor, nn
from torch.func import functional_call, vmap

from methods.errors import BadSetting
from methods.evaluation.boundary import Prefix
from methods.evaluation.split import Split, split
from methods.evaluation.stand_ins import for_inference, for_measuring, norms_of

Stacked = Mapping[str, Shaped[Tensor, "models ..."]]
"""State-dict names of the tensors in which the models differ, each stacked over the models."""


OnModels = Callable[[int, int], None]


@torch.no_grad()
def predict_many(
    network: nn.Module,
    parameters: Stacked,
    images: UInt8[Tensor, "n c h w"],
    *,
    calibration: UInt8[Tensor, "m c h w"] | None = None,
    batch: int = 64,
    rows: int = 256,
    on_models: OnModels = lambda done, models: None,
) -> Int[Tensor, "models n"]:
    """Class predicted by each model for each image, in eval mode, as a loop over the models would predict it.

    `batch` images and `rows` // `batch` models are in flight at a time; the defaults suit one CPU core, a GPU wants
    more of both. With `calibration` the batch norms that hold any of the given parameters get their
    running statistics from those images first, averaged over batches of `batch`. `on_models` hears how many models'
    worth of predictions are done, and of how many.

    The network keeps its parameters, buffers and modes. Raises `BadSetting` if the tensors do not fit the network.
    """
    predicted = torch.empty(_count(network, parameters), len(images), dtype=torch.int64)
    for which, where, logits in _logits(network, parameters, images, calibration, batch, rows, on_models):
        predicted[which, where] = logits.argmax(-1).cpu()
    return predicted


@torch.no_grad()
def soft_vote(
    network: nn.Module,
    parameters: Stacked,
    images: UInt8[Tensor, "n c h w"],
    *,
    calibration: UInt8[Tensor, "m c h w"] | None = None,
    batch: int = 64,
    rows: int = 256,
) -> Int[Tensor, " n"]:
    """Class of the largest probability averaged over all models; arguments and errors as in `predict_many`."""
    votes: Tensor | None = None
    for _, where, logits in _logits(network, parameters, images, calibration, batch, rows, lambda done, models: None):
        shares = logits.softmax(-1).sum(0).cpu()
        votes = torch.zeros(len(images), shares.shape[-1]) if votes is None else votes
        votes[where] += shares
    return torch.zeros(0, dtype=torch.int64) if votes is None else votes.argmax(-1)


def _logits(
    network: nn.Module,
    parameters: Stacked,
    images: UInt8[Tensor, "n c h w"],
    calibration: UInt8[Tensor, "m c h w"] | None,
    batch: int,
    rows: int,
    on_models: OnModels,
) -> Iterator[tuple[slice, slice, Float[Tensor, "some images classes"]]]:
    """Logits of some of the models for some of the images, on the network's device, until all are done."""
    models = _count(network, parameters)
    at_once = max(1, rows // batch)
    with _evaluating(network):
        parts = split(network, parameters)
        prefix = Prefix(parts, device=next(network.parameters()).device)
        if calibration is not None:
            parameters = {**parameters, **_statistics(parts, prefix, parameters, calibration, batch, at_once)}
        tail = for_inference(parts.tail, parameters)
        for start in range(0, len(images), batch):
            boundary = prefix(images[start : start + batch])
            for first, chunk in _chunks(parameters, at_once, prefix.device):
                logits = vmap(lambda own: functional_call(tail, own, boundary))(chunk)  # noqa: B023
                yield slice(first, first + at_once), slice(start, start + batch), logits
                finished = start * models + len(boundary[0]) * min(first + at_once, models)
                on_models(finished // len(images), models)


def accuracies(predicted: Int[Tensor, "models n"], labels: Int[Tensor, " n"]) -> Float[Tensor, " models"]:
    """Share of images, in [0, 1], that each model gets right."""
    return (predicted == labels).double().mean(-1)


def _statistics(
    parts: Split, prefix: Prefix, parameters: Stacked, images: UInt8[Tensor, "m c h w"], batch: int, at_once: int
) -> dict[str, Tensor]:
    """Running statistics of the chosen norms, for every model, as averages over the batches of images."""
    tail, norms = for_measuring(parts.tail, parameters)
    models = len(next(iter(parameters.values())))
    measured = {
        f"{name}.{kind}": torch.zeros(models, norm.num_features, device=prefix.device)
        for name, norm in norms_of(parts.tail, parameters).items()
        for kind in ("running_mean", "running_var")
    }
    for start in range(0, len(images) if norms else 0, batch):
        boundary = prefix(images[start : start + batch])
        for norm in norms:
            norm.share = len(boundary[0]) / (start + len(boundary[0]))
        for _, chunk in _chunks({**parameters, **measured}, at_once, prefix.device):
            vmap(lambda own: functional_call(tail, own, boundary))(chunk)  # noqa: B023
    return measured


def _chunks(parameters: Stacked, at_once: int, device: torch.device) -> Iterator[tuple[int, dict[str, Tensor]]]:
    models = len(next(iter(parameters.values())))
    for first in range(0, models, at_once):
        yield first, {name: value[first : first + at_once].to(device) for name, value in parameters.items()}


def _count(network: nn.Module, parameters: Stacked) -> int:
    held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    counts = {name: len(value) for name, value in parameters.items()}
    for name, value in parameters.items():
        if name in held and value.shape[1:] != held[name].shape:
            raise BadSetting(
                problem=f"{name} has shape {tuple(held[name].shape)}, the models bring {tuple(value.shape[1:])}",
                remedy="restore the rows with the layout of this network",
            )
    if len(set(counts.values())) > 1:
        raise BadSetting(problem=f"different numbers of models: {counts}", remedy="stack every tensor over all models")
    return next(iter(counts.values()), 0)


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
