"""Networks of torchvision that have no batch norm: built, cut, evaluated and trained like all others."""

import copy
from fnmatch import fnmatchcase

import pytest
import torch
from torch import fx, nn
from torch.func import functional_call

from methods import randomness
from methods.collection.loop import Record, run_phase
from methods.collection.strategy import Phase, Training
from methods.evaluation.many import predict_many
from methods.evaluation.split import split
from methods.layout import choose
from models import TorchvisionNetwork, build, minimum_size, patch

LAST_NORMS = {
    "vit_b_16": ("encoder.layers.encoder_layer_11.ln_2.*", "encoder.ln.*"),
    "convnext_tiny": ("features.7.2.block.2.*", "classifier.0.*"),
}
CUTS = [
    *LAST_NORMS.items(),
    ("vit_b_16", ("class_token", "heads.head.bias")),
    ("vit_b_16", ("encoder.layers.encoder_layer_10.self_attention.*",)),
    ("convnext_tiny", ("features.5.8.layer_scale",)),
    ("convnext_tiny", ("features.6.1.*", "classifier.2.*")),
]
GREY = {"shape": (1, 32, 32), "mean": (0.5,), "std": (0.25,)}
CLASSES = 5
NETWORKS: dict[str, nn.Module] = {}


def network_called(name):
    """Built once. The head of a new ViT is zero and a new ConvNeXt hardly uses its blocks: all parameters are moved."""
    if name not in NETWORKS:
        network = build(TorchvisionNetwork(name=name), classes=CLASSES, seed=0, **GREY).eval()
        draw = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for value in network.parameters():
                value += 0.03 * torch.randn(value.shape, generator=draw)
        NETWORKS[name] = network.to(memory_format=torch.channels_last)
    return NETWORKS[name]


@pytest.fixture(params=list(LAST_NORMS))
def name(request):
    return request.param


@pytest.fixture(scope="module", autouse=True)
def hold_no_longer():
    yield
    NETWORKS.clear()


def pictures(n, seed=1):
    return torch.randint(0, 256, (n, 1, 32, 32), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def names_like(network, patterns):
    return [name for name, _ in network.named_parameters() if any(fnmatchcase(name, each) for each in patterns)]


@pytest.mark.parametrize(
    ("name", "count", "norms", "width"),
    [
        ("resnet18", 11_689_512, ("layer4.1.bn1.*", "layer4.1.bn2.*"), 512),
        ("resnet50", 25_557_032, ("layer4.2.bn1.*", "layer4.2.bn2.*"), 512),
        ("vit_b_16", 86_567_656, LAST_NORMS["vit_b_16"], 768),
        ("convnext_tiny", 28_589_128, LAST_NORMS["convnext_tiny"], 768),
        ("convnext_small", 50_223_688, LAST_NORMS["convnext_tiny"], 768),
        ("convnext_base", 88_591_464, LAST_NORMS["convnext_tiny"], 1024),
    ],
)
def test_parameter_counts_are_the_published_ones_and_two_norms_have_four_widths(name, count, norms, width):
    with torch.device("meta"):
        network = TorchvisionNetwork(name=name).module(classes=1000, shape=(3, 224, 224))
    assert sum(value.numel() for value in network.parameters()) == count
    assert choose(network, norms).size == 4 * width


def test_logits_have_one_column_per_class_and_grey_is_three_equal_channels(name):
    network = network_called(name)
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        assert network(images).shape == (2, CLASSES)
        torch.testing.assert_close(network(images), network(images.expand(-1, 3, -1, -1)))


def test_normalisation_is_inside(name):
    network = network_called(name)
    images = torch.rand(2, 1, 32, 32)
    plain = type(network).__mro__[1]
    with torch.no_grad():
        torch.testing.assert_close(
            network(images), plain.forward(network, ((images - 0.5) / 0.25).expand(-1, 3, -1, -1))
        )


def test_smaller_images_do_not_run(name):
    network = TorchvisionNetwork(name=name)
    size = minimum_size(network)
    assert patch(network) in (None, size)
    with torch.device("meta"):
        module = network.module(classes=2, shape=(3, size, size)).eval()
        assert module(torch.rand(1, 3, size, size)).shape == (1, 2)
        with pytest.raises((RuntimeError, AssertionError)):
            module(torch.rand(1, 3, size - 1, size - 1))


def test_seed_decides_every_parameter_and_no_global_state_moves(name):
    before = torch.get_rng_state()
    first, again = (build(TorchvisionNetwork(name=name), classes=2, seed=5, **GREY).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, again[key]) for key, value in first.items())


@pytest.mark.parametrize(("name", "patterns"), CUTS, ids=str)
def test_tail_after_prefix_is_the_network(name, patterns):
    network = network_called(name)
    names = names_like(network, patterns)
    parts = split(network, names)
    assert not set(parts.prefix.state_dict()) & set(names)
    with torch.no_grad():
        for n in (1, 3):
            images = torch.rand(n, 1, 32, 32)
            boundary = parts.prefix(images)
            assert all(len(tensor) == n for tensor in boundary)
            torch.testing.assert_close(parts.tail(*boundary), network(images))
        changed = {name: network.state_dict()[name] * 1.3 + 0.1 for name in names}
        with_changes = functional_call(network, changed, (images,))
        torch.testing.assert_close(functional_call(parts.tail, changed, boundary), with_changes)
        assert not torch.allclose(with_changes, network(images), atol=1e-4)
        torch.testing.assert_close(fx.symbolic_trace(network)(images), network(images))


@pytest.mark.parametrize(("name", "patterns"), CUTS, ids=str)
def test_predictions_are_those_of_the_plain_loop(name, patterns):
    network, images, draw = network_called(name), pictures(11), torch.Generator().manual_seed(2)
    parameters = {}
    for key in names_like(network, patterns):
        value = network.state_dict()[key]
        parameters[key] = value + torch.randn(3, *value.shape, generator=draw)
    with torch.no_grad():
        one = [{key: value[model] for key, value in parameters.items()} for model in range(3)]
        expected = torch.stack([functional_call(network, own, (images / 255,)).argmax(-1) for own in one])
    assert torch.equal(predict_many(network, parameters, images, batch=4, rows=8), expected)
    assert (expected != expected[0]).any()  # the models differ, and so do the images
    assert (expected != expected[:, :1]).any()


def collected(network, train, keep, **training):
    phase = Phase(train=train, training=Training(**{"epochs": 2, "batch_size": 4, **training}), rows=4)
    record = Record()
    snapshots = run_phase(
        network,
        phase,
        choose(network, keep),
        images=pictures(8),
        labels=torch.arange(8) % CLASSES,
        validation=(pictures(3, seed=2), torch.arange(3)),
        augment=lambda images, draw: images,
        seed=0,
        cache_bytes=2**26,
        record=record,
    )
    return torch.stack([each.row for each in snapshots]), record


def test_rows_of_the_last_norms_are_those_of_plain_training_in_eval_mode(name):
    """With whole networks on whole batches: where a layer is frozen, none is dropped at random."""
    keep = LAST_NORMS[name]
    rows, record = collected(copy.deepcopy(network_called(name)), keep, keep, learning_rate=0.05)
    assert record.prefix_passes == 8 + 3 + 2  # each image once, and one of each set to learn the size of the cache
    network = copy.deepcopy(network_called(name))
    layout = choose(network, keep)
    chosen = [value for key, value in network.named_parameters() if key in layout.names]
    optimiser = torch.optim.SGD(chosen, 0.05, momentum=0.9, weight_decay=5e-4)
    draw, expected = randomness.generator(0, "phase", *sorted(keep)), []
    for _ in range(2):
        for batch in torch.randperm(8, generator=draw).split(4):
            loss = nn.functional.cross_entropy(network(pictures(8)[batch] / 255), batch % CLASSES)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            expected.append(layout.flatten(network.state_dict()))
    torch.testing.assert_close(rows, torch.stack(expected), rtol=1e-3, atol=1e-5)
    assert not torch.equal(rows[0], rows[-1])


def test_the_seed_decides_which_blocks_are_dropped_while_the_whole_network_trains():
    rows = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        network = copy.deepcopy(network_called("convnext_tiny"))
        rows.append(collected(network, ("*",), LAST_NORMS["convnext_tiny"], learning_rate=0.01)[0])
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*rows)
    for block in network.modules():
        if hasattr(block, "stochastic_depth"):
            block.stochastic_depth.p = 0.0
    network.load_state_dict(network_called("convnext_tiny").state_dict())
    whole, _ = collected(network, ("*",), LAST_NORMS["convnext_tiny"], learning_rate=0.01)
    assert not torch.allclose(whole, rows[0])
