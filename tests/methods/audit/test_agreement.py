import pytest
import torch

from methods.audit.agreement import errors, iou, mean_of_pairs, similarity


def test_errors_are_wrong_predictions():
    predicted = torch.tensor([[0, 1, 2], [2, 1, 0]])
    assert errors(predicted, torch.tensor([0, 1, 0])).tolist() == [[False, False, True], [True, False, False]]


def test_all_pairs_are_those_of_sets():
    draw = torch.Generator().manual_seed(0)
    left, right = (torch.rand(n, 50, generator=draw) < 0.3 for n in (6, 9))
    found = iou(left, right)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            first, second = ({int(k) for k in mask.nonzero()} for mask in (a, b))
            assert found[i, j].item() == pytest.approx(len(first & second) / len(first | second))


def test_two_models_without_an_error_agree():
    assert iou(torch.zeros(1, 5, dtype=torch.bool), torch.zeros(1, 5, dtype=torch.bool)).item() == 1


def test_pairs_leave_out_the_model_itself():
    wrong = torch.tensor([[True, True, False], [True, False, False], [False, False, True]])
    assert mean_of_pairs(iou(wrong, wrong)) == pytest.approx((0.5 + 0 + 0) / 3)
    assert mean_of_pairs(torch.ones(1, 1)) is None


def test_a_copy_is_entirely_similar():
    wrong = torch.rand(5, 40, generator=torch.Generator().manual_seed(1)) < 0.4
    assert similarity(wrong[2:3], wrong).tolist() == [1]
