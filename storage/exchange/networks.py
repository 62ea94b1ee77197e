"""What a pickled network holds: its parameters and buffers by name, without its code."""

from typing import Any

from methods.errors import BadData
from storage.exchange.stand_ins import Thing

DEEPEST = 50
TRACKED = "num_batches_tracked"
"""A norm's counter; nothing that is evaluated depends on it."""


def parameters_of(module: Any, path: str) -> dict[str, Any]:
    """Tensors (not yet read) in the order of `named_parameters()`."""
    return dict(_walk(module, "_parameters", path))


def state_of(module: Any, path: str) -> dict[str, Any]:
    """Parameters and buffers by their names in a state dict."""
    return parameters_of(module, path) | dict(_walk(module, "_buffers", path))


def _walk(module: Any, kind: str, path: str, prefix: str = "") -> list[tuple[str, Any]]:
    own = module.attributes if isinstance(module, Thing) else {}
    values, children = own.get(kind), own.get("_modules")
    if not isinstance(values, dict) or not isinstance(children, dict) or prefix.count(".") > DEEPEST:
        raise BadData(
            problem=f"{prefix.rstrip('.') or 'the model'} in {path} is no torch.nn.Module",
            remedy="save the whole network under 'model' (torch.save of the module itself)",
        )
    hidden = own.get("_non_persistent_buffers_set") or ()
    found = [(prefix + name, value) for name, value in values.items() if value is not None and name not in hidden]
    for name, child in children.items():
        if child is not None:
            found += _walk(child, kind, path, f"{prefix}{name}.")
    return found


def names_of(chosen: Any, known: list[str], path: str) -> list[str]:
    """The train layers, in the order of `known`: a list, omegaconf's `ListConfig` of texts, or the text `all`."""
    if isinstance(chosen, Thing):
        chosen = chosen.attributes.get("_content")
    if chosen == "all":
        return known
    if isinstance(chosen, list | tuple):
        chosen = [each.attributes.get("_val") if isinstance(each, Thing) else each for each in chosen]
        if chosen and all(isinstance(each, str) for each in chosen):
            if unknown := sorted(set(chosen) - set(known)):
                raise BadData(
                    problem=f"{path} names {', '.join(unknown)} as train layers, which its model does not have",
                    remedy=f"the model has: {', '.join(known)}",
                )
            return [name for name in known if name in chosen]
    raise BadData(problem=f"train_layer of {path} is no list of names", remedy="save a plain list of parameter names")
