import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from methods.attacks.balls import BALLS
from methods.attacks.goals import Untargeted
from methods.attacks.masking import diagnose
from methods.attacks.measuring import measure
from methods.attacks.pgd import Pgd
from methods.defences.adversarial_training import AdversarialTraining
from methods.defences.distillation import Distillation
from methods.defences.supervised import Defence, Schedule, train
from methods.defences.undefended import Undefended
from methods.errors import BadSetting, Diverged
from tests.methods.attacks.victims import trained, unseen
from tests.methods.defences.defended import DEFENCES, SCHEDULE, build, defended, mixed, same, unseen_by_all

SHORT = Schedule(epochs=2, batch_size=20)
QUICK = (
    Undefended(schedule=SHORT),
    Distillation(schedule=SHORT),
    AdversarialTraining(schedule=SHORT, steps=2),
    AdversarialTraining(schedule=SHORT, steps=2, norm="l2", epsilon=1.0),
)


def fickle(seed):
    """A network whose training draws (dropout) and keeps statistics (batch norm)."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 10))


@pytest.fixture(scope="module", params=DEFENCES)
def name(request):
    return request.param


@pytest.fixture(params=QUICK, ids=lambda defence: defence.name)
def quick(request):
    return request.param


def test_names_are_those_of_the_tables(name):
    assert DEFENCES[name].name == name
    assert isinstance(DEFENCES[name], Defence)


def test_what_comes_back_has_learned_the_digits_and_is_in_eval_mode(name):
    images, labels = unseen_by_all(500)
    found = defended(name)
    assert not any(module.training for module in found.network.modules())
    assert (found.network(images).argmax(1) == labels).double().mean() > 0.88
    for curve in found.curves.values():
        assert curve.y[-1] < curve.y[0] / 2


def test_the_seed_decides_everything_and_the_state_of_others_nothing(quick):
    images, labels = (part[:100] for part in mixed())
    runs = []
    for disturbance, seed in ((1, 0), (2, 0), (1, 5)):
        torch.manual_seed(disturbance)
        network = quick(fickle, images, labels, augment=same, seed=seed).network
        runs.append(nn.utils.parameters_to_vector(network.parameters()))
    assert torch.equal(runs[0], runs[1])
    assert not torch.allclose(runs[0], runs[2])


def test_norms_see_each_batch_once(quick):
    images, labels = (part[:100] for part in mixed())
    network = quick(fickle, images, labels, augment=same, seed=0).network
    assert network[2].num_batches_tracked == 2 * 5


def test_training_leaves_the_images_and_the_global_draws_alone(quick):
    images, labels = (part[:60] for part in mixed())
    before = images.clone()
    network = fickle(0)
    state = torch.get_rng_state()
    quick(lambda _: network, images, labels, augment=same, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, before)


def test_every_epoch_goes_once_through_the_images_with_their_labels():
    images = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1)
    seen, augmented = [], []

    def loss(network, x, y, _):
        assert torch.allclose(x.flatten() * 255, y.float() + 100)  # what augment made of it
        seen.append(y)
        return network(x).mean()

    def augment(batch, draw):
        augmented.append(batch)
        return batch + 100

    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    schedule = Schedule(epochs=2, batch_size=10)
    curve = train(network, images, torch.arange(50), loss, schedule, augment, 0, stage="test")["test"]
    first, second = torch.cat(seen[:5]), torch.cat(seen[5:])
    assert torch.equal(first.sort().values, torch.arange(50))
    assert torch.equal(second.sort().values, torch.arange(50))
    assert not torch.equal(first, second)
    assert all(batch.dtype == torch.uint8 for batch in augmented)
    assert curve.x[-1] == 10


ADAPTIVE = Schedule(epochs=12, learning_rate=3e-3, batch_size=20, patience=2)


@pytest.mark.parametrize("make", [Undefended, Distillation, AdversarialTraining])
def test_a_patience_needs_validation_images(make):
    images, labels = (part[:60] for part in mixed())
    with pytest.raises(BadSetting, match="needs validation images"):
        make(schedule=ADAPTIVE)(build, images, labels, augment=same, seed=0)


@pytest.mark.parametrize("make", [Undefended, Distillation, AdversarialTraining])
def test_the_loss_on_validation_images_decides_how_long_training_takes(make):
    images, labels = (part[:100] for part in mixed())
    wrong = (labels + 1) % 10  # the better the network, the larger this loss
    defence, lengths, looks = make(schedule=ADAPTIVE), [], []
    for validation in ((images, labels), (images, wrong)):
        curves = defence(fickle, images, labels, augment=same, seed=0, validation=validation).curves
        name = next(iter(curves))
        lengths.append(curves[name].x[-1])
        looks.append(curves[f"{name}, validation"])
    assert lengths[0] == 12 * 5  # always improving: the whole budget
    assert lengths[1] < lengths[0]
    assert looks[0].x == tuple(5.0 * epoch for epoch in range(1, 9))  # then annealing
    assert looks[0].y[-1] < looks[0].y[0]


@pytest.mark.parametrize("make", [Undefended, AdversarialTraining])
def test_validation_images_leave_the_norms_alone(make):
    images, labels = (part[:100] for part in mixed())
    defence = make(schedule=ADAPTIVE)
    trained = defence(fickle, images, labels, augment=same, seed=0, validation=(images[:50], labels[:50]))
    steps = next(iter(trained.curves.values())).x[-1]
    assert trained.network[2].num_batches_tracked == steps


def test_the_robust_loss_decides_for_adversarial_training():
    images, labels = (part[:100] for part in mixed())
    looked = []
    for epsilon in (1e-6, 0.3):
        defence = AdversarialTraining(epsilon=epsilon, steps=2, schedule=ADAPTIVE)
        validation = (images, labels)
        curves = defence(build, images, labels, augment=same, seed=0, validation=validation).curves
        looked.append(curves["adversarial_training_linf, validation"].y[0])
    assert looked[1] > looked[0]


def test_fewer_images_than_a_batch_are_one_batch():
    images, labels = (part[:7] for part in mixed())
    found = Undefended(schedule=Schedule(epochs=3))(build, images, labels, augment=same, seed=0)
    assert found.curves["undefended"].x[-1] == 3


def test_a_loss_that_explodes_is_told():
    images, labels = (part[:100] for part in mixed())
    with pytest.raises(Diverged):
        Undefended(schedule=Schedule(epochs=5, learning_rate=1e30))(build, images, labels, augment=same, seed=0)


class Opinion(nn.Module):
    """A teacher that thinks the same of every image, at temperature 5, and learns nothing."""

    def __init__(self, said):
        super().__init__()
        self.said, self.idle = said, nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return 5 * self.said.log().expand(len(x), 10) + 0 * self.idle


def test_the_student_repeats_the_soft_labels_of_its_teacher_and_no_others():
    images, labels = (part[:300] for part in mixed())
    said = torch.tensor([0.4, 0.2] + 8 * [0.05])
    defence = Distillation(schedule=Schedule(epochs=20, learning_rate=1e-2, batch_size=60), temperature=5.0)
    student = defence(lambda seed: build(seed) if seed else Opinion(said), images, labels, augment=same, seed=0).network
    repeated = (student(images.float() / 255) / 5).softmax(1)
    assert (repeated - said).abs().max() < 0.08


def test_the_logits_grow_with_the_temperature_and_one_hides_nothing():
    images, labels = mixed()
    tops = []
    for temperature in (1.0, 100.0):
        defence = Distillation(schedule=SCHEDULE, temperature=temperature)
        teacher = defence.teacher(build, images[:600], labels[:600], augment=same, seed=0).network
        x, y = unseen_by_all(60)
        with torch.no_grad():
            ranked = teacher(x).sort(1).values
        tops.append((ranked[:, -1] - ranked[:, -2]).median())
    assert tops[1] > 10 * tops[0]
    plain = Distillation(schedule=SCHEDULE, temperature=1.0)(build, images[:600], labels[:600], augment=same, seed=0)
    assert not diagnose(plain.network, x, y, seeds=torch.arange(60), queries=50, steps=20).masked


def test_adversarial_training_halves_the_success_of_pgd():
    images, labels = unseen_by_all(200)
    success = {}
    for name in ("undefended", "adversarial_training_linf"):
        network = defended(name).network
        right = network(images).argmax(1) == labels
        attack = Pgd(epsilon=0.06)
        goal, seeds = Untargeted(labels[right]), torch.arange(200)[right]
        success[name] = measure(attack, network, images[right], goal, seeds=seeds).success.double().mean()
    assert success["adversarial_training_linf"] < success["undefended"] / 2


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.05), ("l2", 0.5), ("l1", 4.0)])
def test_the_worst_images_are_worse_than_random_ones_and_lie_in_the_ball(norm, epsilon):
    images, labels = unseen(60)
    defence = AdversarialTraining(norm=norm, epsilon=epsilon, schedule=SHORT)
    z = defence.worst(trained(), images, labels, torch.arange(60))
    length = (z - images).flatten(1).norm(p={"linf": torch.inf, "l2": 2, "l1": 1}[norm], dim=1)
    assert (length <= epsilon * (1 + 1e-5)).all()
    assert ((z >= 0) & (z <= 1)).all()
    random = BALLS[norm].random(torch.arange(60), 0, images, epsilon)
    worse = cross_entropy(trained()(z), labels, reduction="none")
    assert (worse > cross_entropy(trained()(random), labels, reduction="none")).double().mean() > 0.95
    stopped = Pgd(norm=norm, epsilon=epsilon, steps=7, step_size=0.25)(
        trained(), images, Untargeted(labels), seeds=torch.arange(60)
    )
    assert worse.mean() > 1.2 * cross_entropy(trained()(stopped), labels)
