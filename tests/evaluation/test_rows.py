import pytest

from photochrom.evaluation.rows import Row


@pytest.mark.parametrize(
    ("name", "hints", "row"),
    [
        ("hintnet", None, Row("hintnet")),
        ("hintnet, vivid 0", None, Row("hintnet", 0.0)),
        ("hintnet, vivid 0.35, 1 hint", 1, Row("hintnet", 0.35, hints=1)),
        ("a, b, 5 hints", 5, Row("a, b", hints=5)),
        ("unet, own RGB", None, Row("unet", own_rgb=True)),
        ("x, vivid 1e-05", None, Row("x", 1e-5)),
    ],
)
def test_a_row_is_read_as_it_is_written(name, hints, row):
    assert Row.parse(name, hints) == row
    assert str(row) == name


@pytest.mark.parametrize("name", ["", "x, vivid best", "x, vivid 1.0", "x, 5 hints", "3", "a\nb"])
def test_any_other_name_is_the_models_as_a_whole(name):
    assert Row.parse(name) == Row(name)
    assert str(Row.parse(name, 2)).startswith(name)
