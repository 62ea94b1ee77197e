"""How much memory training a denoiser takes: the published reason against diffusing rows without an encoder."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

COPIES = 5
"""Weights, gradients, the two moments of Adam, and the average of the weights."""


def training_memory(denoiser: nn.Module, latents: Float[Tensor, "batch d"]) -> dict[str, int]:
    """`denoiser_parameters`, `denoiser_state_bytes` between steps, `denoiser_step_bytes` kept for one backward pass."""
    parameters = list(denoiser.parameters())
    own = {value.untyped_storage().data_ptr() for value in (*parameters, *denoiser.buffers())}
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        # the result holds the graph, and that every kept tensor: no address is given out twice
        result = denoiser(latents, torch.ones(len(latents), dtype=torch.int64, device=latents.device))
    del result
    return {
        "denoiser_parameters": sum(value.numel() for value in parameters),
        "denoiser_state_bytes": COPIES * sum(value.numel() * value.element_size() for value in parameters),
        "denoiser_step_bytes": sum(kept.values()),
    }
