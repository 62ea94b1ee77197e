"""What every generator keeps, whatever it does: one contract over a table of all of them."""

import dataclasses

import pytest
import torch

from methods.generation.autoencoding import AutoencoderTraining, GateLimits
from methods.generation.generator import Rows
from methods.generation.latent_ddpm import Diffusion, Sampling
from models.autoencoder import Conv1dAutoencoder, Conv2dAutoencoder, LinearAutoencoder, NoAutoencoder
from models.denoiser import Conv1dUnet
from tasks.generation.generators import BASELINES, GramPca, LatentDdpm, all_generators

TINY = LatentDdpm(
    autoencoder=Conv1dAutoencoder(channels=(4,), latent=4),
    denoiser=Conv1dUnet(channels=(8,), kernel=3),
    autoencoding=AutoencoderTraining(steps=5),
    diffusion=Diffusion(steps=5, batch_size=8, times=20, beta_last=0.5),
    sampling=Sampling(steps=4),
    # the gates have tests of their own; here they stay open
    gates=GateLimits(overfit_mse=100.0, variance_kept=-1e9, accuracy_margin=1.0, latent_scale=1000.0),
)
ENCODERS = (Conv2dAutoencoder(channels=(4,), latent=4), LinearAutoencoder(latent=4), NoAutoencoder())
HULL = GramPca(codes="diffusion", denoiser=TINY.denoiser, diffusion=TINY.diffusion, sampling=TINY.sampling)
GENERATORS = {
    **all_generators(TINY),
    "gram_pca_gaussian": GramPca().build(),
    "gram_pca_diffusion": HULL.build(),
    **{f"{TINY.kind}_{each.kind}": dataclasses.replace(TINY, autoencoder=each).build() for each in ENCODERS},
}
CPU = torch.device("cpu")


def rows():
    values = 2 + torch.randn(24, 30, generator=torch.Generator().manual_seed(0))
    return Rows(values[:20], values[20:], (10, 20), torch.linspace(0, 1, 20), runs=torch.arange(20))


def fit(generator, given, seed=0):
    return generator.fit(given, accuracy=lambda candidates: torch.ones(len(candidates)), seed=seed, device=CPU)


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module", params=GENERATORS)
def generator(request):
    return GENERATORS[request.param]


@pytest.fixture(scope="module")
def fitted(generator):
    return fit(generator, rows())


def test_the_table_is_complete():
    assert {generator.name for generator in GENERATORS.values()} == {
        *("latent_ddpm", "gram_pca"),
        *(each.name for each in BASELINES),
    }


@pytest.mark.parametrize("n", [1, 2, 7])
def test_n_samples_are_n_finite_rows(fitted, n):
    samples = fitted.sampler.sample(n, seed=3)
    assert samples.shape == (n, 30)
    assert samples.dtype == torch.float32
    assert samples.device == CPU
    assert samples.isfinite().all()
    assert not samples.requires_grad


def test_the_seed_decides_the_samples(fitted):
    torch.manual_seed(1)
    first = fitted.sampler.sample(5, seed=3)
    torch.manual_seed(2)
    assert torch.equal(fitted.sampler.sample(5, seed=3), first)
    assert torch.equal(fitted.sampler.sample(5, seed=4), first) == fitted.sampler.single


def test_single_samplers_have_one_row_and_others_many(fitted):
    samples = fitted.sampler.sample(6, seed=3)
    assert len(samples.unique(dim=0)) == (1 if fitted.sampler.single else 6)


def test_samples_own_their_memory(fitted):
    first = fitted.sampler.sample(3, seed=3)
    kept = first.clone()
    first.zero_()
    assert torch.equal(fitted.sampler.sample(3, seed=3), kept)


def test_the_state_is_all_that_a_copy_needs(generator, fitted):
    state = {name: value.clone().contiguous() for name, value in fitted.sampler.state().items()}
    restored = generator.restore(state, rows(), device=CPU)
    assert torch.equal(restored.sample(5, seed=3), fitted.sampler.sample(5, seed=3))
    assert restored.single == fitted.sampler.single
    assert equal(restored.state(), fitted.sampler.state())


def test_fitting_again_gives_the_same(generator, fitted):
    torch.manual_seed(5)
    assert equal(fit(generator, rows()).sampler.state(), fitted.sampler.state())


def test_held_out_rows_do_not_enter_the_state(generator, fitted):
    given = rows()
    other = dataclasses.replace(given, held_out=given.held_out.flip(1) + 0.5)
    assert equal(fit(generator, other).sampler.state(), fitted.sampler.state())


def test_train_rows_do(generator, fitted):
    given = rows()
    other = dataclasses.replace(given, train=given.train + 0.5)
    # some keep no rows in their state, since `restore` is given them
    assert not torch.equal(fit(generator, other).sampler.sample(3, seed=3), fitted.sampler.sample(3, seed=3))


def test_fitting_leaves_the_rows_alone(generator):
    given = rows()
    fit(generator, given)
    assert torch.equal(given.train, rows().train)
    assert torch.equal(given.held_out, rows().held_out)


def test_all_passed_gates_are_said_to_be(fitted):
    assert all(gate.passed and gate.meaning for gate in fitted.gates.values())


def test_generators_are_values(generator):
    twin = dataclasses.replace(generator)
    assert twin == generator
    assert hash(twin) == hash(generator)
    assert repr(twin) == repr(generator)
