"""The run-time backdoor step by step, as the public procedure goes: one image, four forward passes an iteration."""

import torch

from methods.attacks import draws


def mse_masked(a, b, mask):
    mask = mask.expand_as(a)
    return ((a - b) ** 2)[mask == 1].mean()


def expand(mask, size):
    kernel = torch.ones(1, 1, size, size, dtype=mask.dtype)
    return (torch.nn.functional.conv2d(mask, kernel, padding=(size - 1) // 2) > 0).to(mask.dtype)


def farthest_colour(x):
    average = [int(channel.double().mean() * 255 + 1e-9) for channel in x[0]]
    colours = [(0, 255, 0), (255, 0, 0), (0, 0, 255)]
    far = max(colours, key=lambda colour: sum((abs(a - c) / 255) ** 2 for a, c in zip(average, colour, strict=True)))
    return x.new_tensor(far)[None, :, None, None].expand_as(x) / 255


def protect(inpainter, x, mask, settings, seed):
    """The noisy image before it is saved, and the loss of every iteration."""
    noise = settings.start * draws.uniform(torch.tensor([seed]), 0, shape=tuple(x.shape[1:]), dtype=x.dtype)
    optimiser = torch.optim.Adam([noise], settings.learning_rate, settings.betas, settings.adam_epsilon)
    wide, phi, history = expand(mask, 2 * settings.losses.expansion + 1), farthest_colour(x), []
    hide = (wide - mask).clamp(0, 1)
    for _ in range(settings.iterations):
        noise.clamp_(-settings.epsilon, settings.epsilon)
        image = (x + noise).clamp(0, 1).requires_grad_()
        attack, incomplete, hidden = (inpainter(image, each) for each in (mask, wide, hide))
        with torch.no_grad():
            clean = inpainter(x, hide)
        loss = mse_masked(attack, phi, mask) + mse_masked(incomplete, phi, wide)
        loss = loss + settings.losses.hide_weight * mse_masked(hidden, clean, hide)
        noise.grad = torch.autograd.grad(loss, image)[0]  # straight through the cut to [0, 1]
        optimiser.step()
        history.append(loss.item())
    return image.detach(), history
