"""A network cut in two at the first parameters that differ between models.

Everything before them is the same function of the image for every model: it is the prefix, computed once per image.
The rest is the tail. The cut follows the data flow, so it may run inside a residual block and carry several tensors.
"""

import dataclasses
import operator
from collections.abc import Collection

from torch import fx, nn

from methods.errors import BadSetting


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`tail(*prefix(images))` is `network(images)`.

    Both parts hold the network's own modules under their own names: they follow its train/eval mode and its
    parameters, and `functional_call(split.tail, parameters, boundary)` takes the state-dict names of the network.
    """

    prefix: fx.GraphModule
    """Images (n, channels, height, width) in [0, 1] to a tuple of boundary tensors, each with n first."""
    tail: fx.GraphModule
    """The boundary tensors, as positional arguments, to logits (n, classes)."""


class _Tracer(fx.Tracer):
    """Keeps whole every module that has no parts, so that its parameters are reached through it alone."""

    def is_leaf_module(self, module: nn.Module, module_qualified_name: str) -> bool:
        whole = not isinstance(module, nn.Sequential) and next(module.children(), None) is None
        return whole or super().is_leaf_module(module, module_qualified_name)


def split(network: nn.Module, names: Collection[str]) -> Split:
    """The prefix and the tail of `network` for models that differ in the parameters or buffers called `names`.

    Raises `BadSetting` for names that the network does not have, or does not use in its forward pass, and where a
    layer would overwrite a boundary tensor in place.
    """
    held = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    held |= {name for name, _ in network.named_buffers(remove_duplicate=False)}
    missing = sorted(set(names) - held)
    if missing or not names:
        raise BadSetting(
            problem=f"the network has no parameters called {missing}" if missing else "no parameters were chosen",
            remedy="choose from: " + ", ".join(sorted(held)),
        )
    graph = _Tracer().trace(network)
    chosen, used = set(names), set()
    dependent: set[fx.Node] = set()
    of_images: set[fx.Node] = set()
    for node in graph.nodes:
        own = _held_names(network, node) & chosen
        used |= own
        if own or dependent.intersection(node.all_input_nodes):
            dependent.add(node)
        if node.op == "placeholder" or of_images.intersection(node.all_input_nodes):
            of_images.add(node)
    if chosen - used:
        raise BadSetting(
            problem=f"the forward pass never uses {sorted(chosen - used)}",
            remedy="leave them out: models that differ only there are the same function",
        )
    tail = set(dependent)
    for node in reversed(graph.nodes):  # computed again in the tail: no cache of images can hold them
        if (_is_size(node) or node not in of_images) and tail.intersection(node.users):
            tail.add(node)
    boundary = [node for node in graph.nodes if node not in tail and tail.intersection(node.users)]
    for node in boundary:
        for user in node.users:
            if user.op == "call_module" and getattr(network.get_submodule(str(user.target)), "inplace", False):
                raise BadSetting(
                    problem=f"{user.target} overwrites in place a tensor that later layers read again",
                    remedy=f"build the network with inplace=False at {user.target}",
                )
    return Split(
        prefix=_part(network, [node for node in graph.nodes if node not in dependent], results=boundary),
        tail=_part(network, [node for node in graph.nodes if node in tail], arguments=boundary),
    )


def _held_names(network: nn.Module, node: fx.Node) -> set[str]:
    """State-dict names that this node reads."""
    if node.op == "get_attr":
        return {str(node.target)}
    if node.op != "call_module":
        return set()
    module, target = network.get_submodule(str(node.target)), str(node.target)
    tensors = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    return {f"{target}.{name}" for name, _ in tensors}


def _is_size(node: fx.Node) -> bool:
    """Whether the node's value is a shape, or a number taken from one, and no tensor."""
    if node.op == "call_method":
        return node.target in ("size", "dim")
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in ("shape", "ndim")
    arithmetic = getattr(node.target, "__module__", None) == operator.__name__ or node.target is operator.getitem
    return arithmetic and bool(node.all_input_nodes) and all(_is_size(source) for source in node.all_input_nodes)


def _part(
    network: nn.Module, nodes: list[fx.Node], *, arguments: Collection[fx.Node] = (), results: Collection[fx.Node] = ()
) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {node: graph.placeholder(node.name) for node in arguments}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    if results:
        graph.output(tuple(copies[node] for node in results))
    graph.lint()
    return fx.GraphModule(network, graph)
