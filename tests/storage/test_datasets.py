"""What holds for every source: how images are cut, limited, counted and hashed, shown on the digits."""

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from sklearn.datasets import load_digits

from methods.errors import BadSetting
from storage.datasets import Data, Split, Splits, load
from storage.datasets.carving import stratified, without


def rows(split: Split) -> list[bytes]:
    return [image.numpy().tobytes() for image in split.images]


def equal(a: Split, b: Split) -> bool:
    return torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)


def test_digits_are_the_images_of_scikit_learn(tmp_path):
    splits = load(Data(), home=tmp_path)
    bunch = load_digits()
    expected = {}
    for image, label in zip(bunch.images, bunch.target, strict=True):
        expected.setdefault(np.round(image * 255 / 16).astype(np.uint8).tobytes(), set()).add(int(label))
    parts = (splits.train, splits.validation, splits.test)
    found = [pair for split in parts for pair in zip(rows(split), split.labels, strict=True)]
    assert len(found) == 1797
    assert {image for image, _ in found} == set(expected)
    assert all(int(label) in expected[image] for image, label in found)
    assert splits.shape == (1, 8, 8)
    assert splits.classes == tuple("0123456789")
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [1132, 126, 539]


def test_splits_are_disjoint_and_stratified(tmp_path):
    splits = load(Data(validation=0.2), home=tmp_path)
    parts = [set(rows(split)) for split in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    training = torch.cat([splits.train.labels, splits.validation.labels])
    shares = training.bincount() * 0.2
    assert (splits.validation.labels.bincount() - shares).abs().max() < 1


def test_same_settings_same_splits_and_the_seed_never_moves_the_test_images(tmp_path):
    first, again, other = (load(Data(seed=seed), home=tmp_path) for seed in (1, 1, 2))
    assert first.digest == again.digest
    assert equal(first.train, again.train)
    assert not equal(first.validation, other.validation)
    assert equal(first.test, other.test)
    assert set(rows(first.validation)) | set(rows(first.train)) == set(rows(other.validation)) | set(rows(other.train))


def test_the_digits_are_cut_alike_everywhere_and_always(tmp_path):
    digest = "5c13d3c9f651bfa805c2ad83742378f7c32dd23eaa8312a97905ad44aabf7fd7"
    assert load(Data(), home=tmp_path).digest == digest, "figures measured earlier no longer compare"


def test_limits_keep_the_classes_even_and_leave_validation_alone(tmp_path):
    whole = load(Data(), home=tmp_path)
    limited = load(Data(train_limit=100, test_limit=25), home=tmp_path)
    assert [len(limited.train), len(limited.test)] == [100, 25]
    assert limited.train.labels.bincount(minlength=10).min() >= 9
    assert set(rows(limited.train)) <= set(rows(whole.train))
    assert set(rows(limited.test)) <= set(rows(whole.test))
    assert equal(limited.validation, whole.validation)
    assert equal(load(Data(train_limit=10**6), home=tmp_path).train, whole.train)


def test_a_limit_chooses_images_with_their_own_labels(tmp_path):
    limited = load(Data(train_limit=200, seed=5), home=tmp_path)
    bunch = load_digits()
    pixels = np.round(bunch.images * 255 / 16).astype(np.uint8)
    labels = {image.tobytes(): int(label) for image, label in zip(pixels, bunch.target, strict=True)}
    assert [labels[image] for image in rows(limited.train)] == limited.train.labels.tolist()


@pytest.mark.parametrize("count", [0, 1, 7, 59, 60])
def test_stratified_gives_each_class_its_share_to_within_one(count):
    labels = torch.tensor([0] * 30 + [2] * 20 + [3] * 10)[
        torch.randperm(60, generator=torch.Generator().manual_seed(0))
    ]
    chosen = stratified(labels, count, seed=4)
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert torch.equal(chosen, chosen.sort().values)
    shares = labels.bincount() * count / 60
    assert (labels[chosen].bincount(minlength=4) - shares).abs().max() < 1
    assert sorted(chosen.tolist() + without(60, chosen).tolist()) == list(range(60))


def test_mean_and_std_are_those_of_the_training_pixels(tmp_path):
    splits = load(Data(channels=3, size=12), home=tmp_path)
    pixels = splits.train.images.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(splits.mean, pixels.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(splits.std, pixels.std((0, 2, 3)), rtol=1e-12)
    assert splits.shape == (3, 12, 12)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_digest_changes_with_one_pixel_and_one_label_of_any_split(tmp_path, part):
    splits = load(Data(), home=tmp_path)
    split = getattr(splits, part)
    images, labels = split.images.clone(), split.labels.clone()
    images[7, 0, 3, 3] ^= 1
    labels[7] = (labels[7] + 1) % 10
    digests = {splits.digest}
    for changed in (Split(images=images, labels=split.labels), Split(images=split.images, labels=labels)):
        digests.add(dataclasses.replace(splits, **{part: changed}).digest)
    assert len(digests) == 3


def test_the_digest_depends_on_the_borders_between_splits():
    images, labels = torch.arange(24, dtype=torch.uint8).reshape(6, 1, 2, 2), torch.zeros(6, dtype=torch.int64)

    def cut(*ends: int) -> Splits:
        parts = [Split(images=images[a:b], labels=labels[a:b]) for a, b in zip((0, *ends), (*ends, 6), strict=True)]
        return Splits(name="six", classes=("only",), train=parts[0], validation=parts[1], test=parts[2])

    assert cut(2, 4).digest == cut(2, 4).digest
    assert cut(2, 4).digest != cut(3, 4).digest


def test_split_moves_to_a_device():
    split = Split(images=torch.zeros(2, 1, 4, 4, dtype=torch.uint8), labels=torch.zeros(2, dtype=torch.int64)).to(
        "meta"
    )
    assert {split.images.device.type, split.labels.device.type} == {"meta"}
    assert len(split) == 2


@pytest.mark.parametrize("source", ["cifra10", "parqet:somewhere", "folder:", "digits:x", "MNIST "])
def test_an_unknown_source_is_named_with_what_is_known(tmp_path, source):
    with pytest.raises(BadSetting) as caught:
        load(Data(source=source), home=tmp_path)
    assert repr(source) in caught.value.problem
    assert "oxford_iiit_pet" in caught.value.remedy


def test_a_misspelt_source_gets_a_suggestion(tmp_path):
    with pytest.raises(BadSetting, match="did you mean cifar10"):
        load(Data(source="cifra10"), home=tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [{"validation": 0}, {"validation": 0.6}, {"size": 3}, {"channels": 2}, {"train_limit": 0}, {"sorce": "digits"}],
)
def test_settings_out_of_range_or_misspelt_do_not_validate(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Data).validate_python(wrong)


def test_normalisation_may_be_given_and_changes_no_image(tmp_path):
    measured = load(Data(train_limit=20), home=tmp_path)
    given = load(Data(train_limit=20, mean=(0.5,), std=(0.25,)), home=tmp_path)
    assert (given.mean, given.std) == ((0.5,), (0.25,))
    assert torch.equal(given.train.images, measured.train.images)
    assert given.digest != measured.digest  # networks read it
    assert measured.mean != given.mean
    with pytest.raises(BadSetting, match=r"data\.std has 3 numbers.* 1 channels"):
        load(Data(train_limit=20, std=(0.25,) * 3), home=tmp_path)
