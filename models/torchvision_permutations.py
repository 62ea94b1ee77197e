"""Hidden units of torchvision's ConvNeXt and ViT that can change places.

Layer norm takes mean and variance over all units, whatever their order, so the residual streams are free, as are the
hidden units of every MLP and, in a ViT, whole attention heads. Within a head, queries and keys (and likewise values
and output) allow any invertible linear map, of which permutations are no special case worth declaring.
"""

from models.permutations import Axis, Group, Groups, Seen, affine


def convnext_groups(*, depths: tuple[int, ...], widths: tuple[int, ...]) -> Groups:
    """`features.7` is the stream of a stage, `features.7.2.block.3` the hidden units of a block's MLP."""
    groups: Groups = {}
    axes = [*affine("features.0.0"), *affine("features.0.1")]
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        name = f"features.{2 * stage + 1}"
        for place in range(depth):
            block = f"{name}.{place}.block"
            axes += [*affine(f"{block}.0"), *affine(f"{block}.2"), Axis(f"{block}.3.weight", 1), *affine(f"{block}.5")]
            axes.append(Axis(f"{name}.{place}.layer_scale", 0))
            hidden = (*affine(f"{block}.3"), Axis(f"{block}.5.weight", 1))
            groups[f"{block}.3"] = Group(4 * width, hidden, Seen(f"{block}.4", -1))
        last = stage == len(depths) - 1
        norm = "classifier.0" if last else f"features.{2 * stage + 2}.0"
        reader = "classifier.2" if last else f"features.{2 * stage + 2}.1"
        axes += [*affine(norm), Axis(f"{reader}.weight", 1)]
        groups[name] = Group(width, tuple(axes), Seen(name))
        axes = [*affine(reader)]
    return groups


def vit_groups(*, layers: int, width: int, hidden: int, heads: int) -> Groups:
    """`stream`, and per layer `….mlp.0`, its hidden units, and `….self_attention`, its heads.

    No submodule returns what the heads make one by one: the attention applies its output map itself.
    """
    groups: Groups = {}
    axes = [Axis("class_token", 2), Axis("encoder.pos_embedding", 2), *affine("conv_proj")]
    for number in range(layers):
        layer = f"encoder.layers.encoder_layer_{number}"
        attention, mlp = f"{layer}.self_attention", f"{layer}.mlp"
        axes += [*affine(f"{layer}.ln_1"), Axis(f"{attention}.in_proj_weight", 1), *affine(f"{attention}.out_proj")]
        axes += [*affine(f"{layer}.ln_2"), Axis(f"{mlp}.0.weight", 1), *affine(f"{mlp}.3")]
        groups[f"{mlp}.0"] = Group(hidden, (*affine(f"{mlp}.0"), Axis(f"{mlp}.3.weight", 1)), Seen(f"{mlp}.1", -1))
        repeat = width // heads
        stacked = (Axis(f"{attention}.in_proj_{kind}", 0, repeat, copies=3) for kind in ("weight", "bias"))
        groups[attention] = Group(heads, (*stacked, Axis(f"{attention}.out_proj.weight", 1, repeat)), None)
    axes += [*affine("encoder.ln"), Axis("heads.head.weight", 1)]
    groups["stream"] = Group(width, tuple(axes), Seen("encoder.ln", -1))
    return groups
