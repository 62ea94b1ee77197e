"""Permutation symmetries of an architecture, as data: which axes of which tensors hold the same hidden units.

Putting the units of one group into another order, in all of its axes at once, leaves the network's function unchanged
(Hecht-Nielsen, "On the algebraic structure of feedforward network weight spaces", 1990).
"""

from collections.abc import Iterator
from typing import NamedTuple


class Axis(NamedTuple):
    """One axis of a parameter or buffer, of length copies·units·repeat in this order of nesting.

    repeat: neighbours on the axis that belong to one unit, such as the pixels of a channel after flattening. copies:
    how often the run of all units comes one after the other, such as queries, keys and values.
    """

    tensor: str
    axis: int
    repeat: int = 1
    copies: int = 1


class Seen(NamedTuple):
    """Where the units show: an axis, one entry per unit, of what the submodule `module` returns."""

    module: str
    axis: int = 1


class Group(NamedTuple):
    """Hidden units that have to move together; `seen` is None where no submodule returns them."""

    units: int
    axes: tuple[Axis, ...]
    seen: Seen | None


Groups = dict[str, Group]


def vectors(module: str, *names: str) -> Iterator[Axis]:
    """The tensors of a module that have one number per unit."""
    return (Axis(f"{module}.{name}", 0) for name in names)


def batch_norm(module: str) -> Iterator[Axis]:
    return vectors(module, "weight", "bias", "running_mean", "running_var")


def affine(module: str) -> Iterator[Axis]:
    """Layer norm, and the output side of a convolution or linear layer with a bias."""
    return vectors(module, "weight", "bias")


def residual_groups(*, blocks: tuple[int, ...], width: int, convs: int, shortcut: str, head: str) -> Groups:
    """Of a ResNet whose blocks have so many convolutions (2, or 3 and four times wider streams), stages `layer1` ….

    Units inside of a block, after each convolution but its last, are a group `layer4.1.conv1`. Whatever is added to one
    residual stream shares its units: the group `layer4` is one stage's stream; `stem` is that of the first convolution,
    and also of `layer1` where that has no projection in its first shortcut.
    """
    groups: Groups = {}
    stream, units, axes = "stem", width, [Axis("conv1.weight", 0), *batch_norm("bn1")]
    seen = Seen("bn1")
    for stage, count in enumerate(blocks):
        inner = width * 2**stage
        for place in range(count):
            block = f"layer{stage + 1}.{place}"
            axes.append(Axis(f"{block}.conv1.weight", 1))
            if place == 0 and (stage > 0 or convs == 3):
                projection = f"{block}.{shortcut}"
                axes.append(Axis(f"{projection}.0.weight", 1))
                groups[stream] = Group(units, tuple(axes), seen)
                stream, units = f"layer{stage + 1}", inner * (4 if convs == 3 else 1)
                axes = [Axis(f"{projection}.0.weight", 0), *batch_norm(f"{projection}.1")]
            for number in range(1, convs):
                made = (Axis(f"{block}.conv{number}.weight", 0), *batch_norm(f"{block}.bn{number}"))
                read = Axis(f"{block}.conv{number + 1}.weight", 1)
                groups[f"{block}.conv{number}"] = Group(inner, (*made, read), Seen(f"{block}.bn{number}"))
            axes += [Axis(f"{block}.conv{convs}.weight", 0), *batch_norm(f"{block}.bn{convs}")]
        seen = Seen(f"layer{stage + 1}")
    axes.append(Axis(f"{head}.weight", 1))
    groups[stream] = Group(units, tuple(axes), seen)
    return groups
