import pytest

from photochrom.report.settings import (
    describe_differences,
    describe_loss,
    describe_mix,
    format_number,
    join_names,
)

PRESET = {"size": 512, "batch": 16, "epochs": 15, "lr": 1e-4, "optimizer": "adam"}
PRESET |= {"alpha": 0.5, "validation": 0.03}


@pytest.mark.parametrize(
    ("ours", "photos", "epochs", "expected"),
    [
        ({}, 5626, 15, ""),
        ({}, 5610, 14.9, ""),  # what whole steps leave out
        ({}, 19000, 40, ""),  # more is no less
        ({"alpha": 1.0}, 5626, 15, ""),
        ({"size": 64}, 5626, 1.3, "reduced: 64 px instead of 512, 1.3 of 15 epochs"),
        ({"batch": 8}, 5626, 15, "reduced: batch 8 instead of 16"),
        ({}, 1000, 15, "reduced: 1,000 of 5,626 photos"),
        ({"lr": 3e-4}, 5626, 15, "other settings: learning rate 0.0003 instead of 0.0001"),
        ({"optimizer": "adamw"}, 5626, 15, "other settings: adamw instead of adam"),
        ({"size": 1024}, 5626, 15, "other settings: 1,024 px instead of 512"),
        ({"validation": 0.1}, 5220, 15, ""),
        ({}, None, 15, ""),
        ({}, 5626, None, "other settings: epochs unknown"),
    ],
)
def test_what_a_run_did_less_or_otherwise(ours, photos, epochs, expected):
    assert describe_differences(PRESET | ours, PRESET, photos, epochs) == expected


def test_losses_in_words():
    assert describe_loss("unet-lab", {"alpha": 0.7}) == "0.7 MSE + 0.3 L1"
    assert describe_loss("unet-lab", {}) == describe_loss("other", {"alpha": 0.5}) == ""
    assert describe_loss("unet-bins", {"alpha": 0.5}) == "class-weighted cross-entropy"
    assert tuple(map(describe_mix, (1, 0, 0.25))) == ("MSE alone", "L1 alone", "0.25 MSE + 0.75 L1")


def test_numbers_and_lists_as_one_says_them():
    said = [format_number(value) for value in (5626, 512, 15.0, 1.34, 1e-4, "adam")]
    assert said == ["5,626", "512", "15", "1.3", "0.0001", "adam"]
    assert list(map(join_names, ("a", "ab", "abc"))) == ["a", "a and b", "a, b and c"]
