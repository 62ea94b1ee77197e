"""Ours beside public implementations: digits 16×16, a small CNN, one thread; a table, and entries of `bench.json`.

Run by `make bench-peers`, in an environment where the others are installed. Both sides are run in turn, several rounds,
and the medians of their processor time compared, which other work on the machine disturbs least; what an attack is
worth is measured by our harness for all of them.
"""

import json
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from methods.attacks.attack import Attack
from methods.attacks.goals import Targeted, Untargeted
from methods.attacks.measuring import Counted, predict
from tests.benches.peers import own
from tests.methods.attacks.victims import trained, unseen

warnings.filterwarnings("ignore")
sys.modules.setdefault("visdom", types.ModuleType("visdom"))  # adv-lib imports a plotting server that nobody needs
import adv_lib.attacks as adversarial_library  # noqa: E402
import foolbox  # noqa: E402
import torchattacks  # noqa: E402
from art.attacks.evasion import ProjectedGradientDescentPyTorch  # noqa: E402
from art.estimators.classification import PyTorchClassifier  # noqa: E402

ROOT = Path(__file__).parents[3]
SAMPLES, ROUNDS, BETA = 500, 5, 1e-2
FOLD = 1
"""Network and images that no setting was chosen on; those of fold 0 were looked at while the attacks were written."""
Run = Callable[[torch.nn.Module], torch.Tensor]
"""An attack, given everything but the network: adversarial images."""


class Model(torch.nn.Module):
    """The network, its calls counted."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.counted = trained(FOLD), Counted(trained(FOLD), SAMPLES, torch.device("cpu"))
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.counted.spread(x)


def timed(sides: Mapping[str, Run], rounds: int = ROUNDS) -> dict[str, dict[str, object]]:
    """Seconds (median), images and gradients per sample of each, run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, dict[str, object]] = {}
    for number in range(rounds):
        for name, run in sides.items():
            model = Model() if number == 0 else trained(FOLD)
            began = time.process_time()
            images = run(model)
            if number:
                seconds[name].append(time.process_time() - began)  # the first round counts calls and warms up
            else:
                found[name] = {"images": images.detach(), "gradients": model.counted.backwards.mean().item()}
    return {name: told | {"seconds": statistics.median(seconds[name])} for name, told in found.items()}


def ours(attack: Attack, goal: object, x: torch.Tensor) -> Run:
    return lambda model: attack(model, x, goal, seeds=torch.arange(len(x)))


def foolboxed(attack: object, labels: torch.Tensor, x: torch.Tensor, epsilon: float | None = None) -> Run:
    return lambda model: attack(foolbox.PyTorchModel(model, bounds=(0, 1)), x, labels, epsilons=epsilon)[1]


def success(images: torch.Tensor, goal: object) -> torch.Tensor:
    return goal.reached(predict(trained(FOLD), images))


def demand(good: bool, what: str) -> None:
    """A ratio of times says nothing where ours is not as good."""
    if not good:
        raise SystemExit(f"not comparable: {what}")


def entry(told: Mapping[str, Mapping[str, object]], peers: list[str], target: float, note: str) -> dict[str, object]:
    """Ratio of the fastest peer's seconds to ours."""
    best = min(peers, key=lambda name: told[name]["seconds"])
    theirs, own = told[best]["seconds"], told["ours"]["seconds"]
    return {
        "ratio": theirs / own,
        "ours_seconds": own,
        "theirs_seconds": theirs,
        "target": target,
        "note": f"{best}; {note}",
    }


def art_pgd(epsilon: float, x: torch.Tensor, labels: torch.Tensor) -> Run:
    def run(model: torch.nn.Module) -> torch.Tensor:
        shape = tuple(x.shape[1:])
        classifier = PyTorchClassifier(model, torch.nn.CrossEntropyLoss(), shape, 10, clip_values=(0.0, 1.0))
        settings = {"eps": epsilon, "eps_step": epsilon / 10, "max_iter": 40, "batch_size": len(x), "verbose": False}
        return torch.from_numpy(
            ProjectedGradientDescentPyTorch(classifier, **settings).generate(x.numpy(), labels.numpy())
        )

    return run


def pgd() -> dict[str, object]:
    x, labels = unseen(SAMPLES, FOLD)
    goal, entries = Untargeted(labels), {}
    for epsilon in own.EPSILONS:
        step = {"steps": 40, "random_start": False}
        sides = {
            "ours": ours(own.PGD[epsilon], goal, x),
            "foolbox": foolboxed(foolbox.attacks.LinfPGD(rel_stepsize=0.1, **step), labels, x, epsilon),
            "torchattacks": lambda model, e=epsilon: torchattacks.PGD(
                model, eps=e, alpha=e / 10, steps=40, random_start=False
            )(x, labels),
            "adv-lib": lambda model, e=epsilon: adversarial_library.pgd_linf(
                model, x, labels, e, steps=40, random_init=False, absolute_step_size=e / 10
            ),
            "art": art_pgd(epsilon, x, labels),
        }
        told = timed(sides)
        rates = {name: success(each["images"], goal).double().mean().item() for name, each in told.items()}
        same = [name for name in sides if name != "ours" and rates[name] == rates["ours"]]
        demand(bool(same), f"no peer has our success {rates}")
        note = f"ε {epsilon}: success {rates}, gradients {told['ours']['gradients']:.1f} of 40"
        entries[epsilon] = entry(told, same, 2.5, note)
    return min(entries.values(), key=lambda each: each["ratio"])


def carlini_wagner() -> dict[str, object]:
    x, labels = unseen(SAMPLES, FOLD)
    settings = {"binary_search_steps": 9, "steps": 100, "stepsize": 0.1}
    sides = {
        "ours": ours(own.CARLINI_WAGNER, Untargeted(labels), x),
        "foolbox": foolboxed(foolbox.attacks.L2CarliniWagnerAttack(**settings), labels, x),
        "adv-lib": lambda model: adversarial_library.carlini_wagner_l2(
            model, x, labels, learning_rate=0.1, binary_search_steps=9, max_iterations=100
        ),
        "torchattacks": lambda model: torchattacks.CW(model, c=1, steps=900, lr=0.1)(x, labels),
    }
    told = timed(sides, rounds=4)
    means = {name: distance(each["images"], x, Untargeted(labels)) for name, each in told.items()}
    best = min(mean for name, (mean, rate) in means.items() if name != "ours" and rate == 1)
    equal = [name for name, (mean, rate) in means.items() if name != "ours" and rate == 1 and mean <= 1.005 * best]
    demand(means["ours"][1] == 1 and means["ours"][0] <= 1.005 * best, f"mean L2 and success {means}")
    note = "mean L2 and success " + ", ".join(
        f"{n} {m:.4f} {r:.3f} ({told[n]['gradients']:.0f} gradients)" for n, (m, r) in means.items()
    )
    return entry(told, equal, 1.3, note)


def distance(images: torch.Tensor, x: torch.Tensor, goal: object) -> tuple[float, float]:
    """Mean L2 over successes, and the share of successes."""
    reached = success(images, goal)
    return (images - x).flatten(1).norm(dim=1)[reached].mean().item(), reached.double().mean().item()


def elastic_net() -> dict[str, object]:
    x, labels = unseen(SAMPLES, FOLD)
    goal = Untargeted(labels)
    settings = {"binary_search_steps": 9, "steps": 100, "decision_rule": "EN", "regularization": BETA}
    sides = {
        "ours": ours(own.ELASTIC_NET, goal, x),
        "foolbox": foolboxed(foolbox.attacks.EADAttack(**settings), labels, x),
        "torchattacks": lambda model: torchattacks.EADEN(model, max_iterations=100, binary_search_steps=9, beta=BETA)(
            x, labels
        ),
        "torchattacks β 0.001": lambda model: torchattacks.EADEN(
            model, max_iterations=100, binary_search_steps=9, beta=BETA / 10
        )(x, labels),
        "foolbox β 0.001": foolboxed(
            foolbox.attacks.EADAttack(**(settings | {"regularization": BETA / 10})), labels, x
        ),
    }
    told = timed(sides, rounds=4)
    objective = {}
    for name, each in told.items():
        reached, delta = success(each["images"], goal), (each["images"] - x).flatten(1)
        values = delta.square().sum(1) + BETA * delta.abs().sum(1)
        objective[name] = (values[reached].mean().item(), reached.double().mean().item())
    peers = [name for name in sides if name != "ours" and objective[name][1] == 1]
    best = min(peers, key=lambda name: objective[name][0])
    demand(objective["ours"][1] == 1 and objective["ours"][0] <= objective[best][0], f"objectives {objective}")
    note = "objective and success " + ", ".join(
        f"{n} {m:.4f} {r:.3f} ({told[n]['gradients']:.0f} gradients)" for n, (m, r) in objective.items()
    )
    return entry(told, [best], 1.0, note)


def jsma() -> dict[str, object]:
    """torchattacks takes the logits for the outputs, and rounds the number of pairs up: 13 of 256 pixels at γ = 0.1.

    It leaves pixels from 0.99 on alone, as if they could rise no more, so none here lies between that and 1.
    """
    x, labels = unseen(SAMPLES, FOLD)
    x = torch.where(x >= 0.99, 1.0, x)
    goal = Targeted(labels, (labels + 1) % 10)

    def theirs(model: torch.nn.Module) -> torch.Tensor:
        attack = torchattacks.JSMA(model, theta=1.0, gamma=0.1)
        attack.set_mode_targeted_by_label(quiet=True)
        return attack(x, goal.classes)

    told = timed({"ours": ours(own.JSMA, goal, x), "torchattacks": theirs}, rounds=4)
    reached = {name: success(each["images"], goal) for name, each in told.items()}
    same = (told["ours"]["images"] == told["torchattacks"]["images"]).flatten(1).all(1)[reached["ours"]]
    demand(same.double().mean() > 0.98, f"only {same.double().mean():.3f} of our successes are theirs bit for bit")
    note = f"success {[each.double().mean().item() for each in reached.values()]}, bit-equal {same.double().mean():.4f}"
    return entry(told, ["torchattacks"], 5.0, note)


def minimum_norm() -> dict[str, object]:
    """At about 100 gradients a sample: mean L2 of the best peer over ours, seconds beside it."""
    x, labels = unseen(SAMPLES, FOLD)
    sides = {
        "ours": ours(own.MINIMUM_NORM, Untargeted(labels), x),
        "adv-lib ddn": lambda model: adversarial_library.ddn(model, x, labels, steps=100),
        "adv-lib fmn": lambda model: adversarial_library.fmn(model, x, labels, norm=2, steps=100),
        "foolbox ddn": foolboxed(foolbox.attacks.DDNAttack(steps=100), labels, x),
        "foolbox fmn": foolboxed(foolbox.attacks.L2FMNAttack(steps=100), labels, x),
    }
    told = timed(sides, rounds=4)
    means = {name: distance(each["images"], x, Untargeted(labels)) for name, each in told.items()}
    best = min((name for name in sides if name != "ours" and means[name][1] > 0.99), key=lambda name: means[name][0])
    note = f"{best}; ratio of mean L2: " + ", ".join(
        f"{n} {m:.4f} {r:.3f} ({told[n]['gradients']:.0f} gradients)" for n, (m, r) in means.items()
    )
    return entry(told, [best], 1.0, note) | {"ratio": means[best][0] / means["ours"][0]}


KEYS = {
    "pgd_vs_best_peer": pgd,
    "cw_l2_vs_best_peer": carlini_wagner,
    "ead_vs_best_peer": elastic_net,
    "jsma_vs_best_peer": jsma,
    "minimum_norm_l2": minimum_norm,
}


def main() -> None:
    torch.set_num_threads(1)
    written = ROOT / "bench.json"
    results = json.loads(written.read_text()) if written.exists() else {}
    table = Table("benchmark", "ratio", "target", "ours, s", "theirs, s", "note")
    for key in sys.argv[1:] or KEYS:
        result = results[key] = KEYS[key]()
        numbers = [f"{result[name]:.4g}" for name in ("ratio", "target", "ours_seconds", "theirs_seconds")]
        table.add_row(key, *numbers, str(result["note"]))
        written.write_text(json.dumps(results, indent=2) + "\n")
    Console().print(table)


if __name__ == "__main__":
    main()
