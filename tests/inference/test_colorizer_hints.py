"""What a colorizer makes of hints, and the colours, versions and hints that it offers itself."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom import color
from photochrom.errors import BadOption, CannotWrite
from photochrom.inference.hints import Hint, write_hints
from pixels import ab_at, grey_levels, png, tones

COLORS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)

DIAL = {"default_vivid": "0.3"}


@pytest.mark.parametrize("size", [(40, 60), (301, 403), (900, 1200)])
def test_a_hint_is_met_in_the_photo(painter, size):
    grey, (height, width) = tones(*size), size
    given = [
        Hint(0.2 * width, 0.3 * height, (30.0, 25.0)),
        Hint(0.8 * width, 0.7 * height, (-25.0, 20.0)),
    ]
    coloured = painter.colorize(grey, hints=given, size=256)
    for hint in given:
        np.testing.assert_allclose(ab_at(coloured, hint.x, hint.y), hint.ab, atol=5)
    assert np.abs(grey_levels(coloured) - grey).max() <= 1


@pytest.mark.parametrize(("x", "y"), [(30, 40), (80.5, 10), (120, 90)])
def test_a_hint_is_met_at_the_best(painter, x, y):
    given = [Hint(x, y, (-20, 15))]
    coloured = painter.colorize(tones(96, 130), hints=given, size=64, quality="best")
    np.testing.assert_allclose(ab_at(coloured, x, y), [-20, 15], atol=5)


@pytest.mark.parametrize("x", [50.2, 51.4, 52.5, 53.9])
@pytest.mark.parametrize("model", [{}, {"hints": 0.1, "tells": ("coarse", "logits")}])
def test_a_hint_is_met_by_a_model_of_ab_alone_and_between_the_cells_of_another(make_toy, model, x):
    coloured = make_toy(**model).colorize(tones(96, 130), hints=[Hint(x, 40, (-20, 15))], size=96)
    np.testing.assert_allclose(ab_at(coloured, x, 40), [-20, 15], atol=5)


def test_hints_come_from_a_file_of_a_photo_of_any_size(painter, tmp_path):
    given = [Hint(30, 40, "olive"), Hint(10.5, 50, (5.0, 6.0))]
    write_hints(given, tmp_path / "hints.json", (60, 80))
    grey = tones(160, 120)
    twice = [Hint(2 * hint.x, 2 * hint.y, hint.color) for hint in given]
    expected = painter.colorize(grey, hints=twice)
    for path in (tmp_path / "hints.json", str(tmp_path / "hints.json")):
        assert (painter.colorize(grey, hints=path) == expected).all()
    assert (painter.colorize(grey) != expected).any()


@pytest.mark.parametrize(
    ("method", "given"),
    [("colorize", ()), ("palette", (1, 1)), ("sample_hints", (2,)), ("uncertainty", ())],
)
def test_hints_that_contradict_or_lie_outside_are_refused_wherever_they_go(painter, method, given):
    ask, grey = getattr(painter, method), np.full((40, 60), 128, np.uint8)
    with pytest.raises(BadOption, match="x = 3, y = 4 has two colours, red and blue"):
        ask(grey, *given, hints=[Hint(3, 4, "red"), Hint(3, 4, "blue")])
    with pytest.raises(BadOption, match="outside the photo, which is 60 pixels wide and 40"):
        ask(grey, *given, hints=[Hint(70, 20, "red")])


def test_predict_ab_brings_spots_to_the_networks_size(painter):
    L = np.full((300, 400), 50, np.float32)
    ab = painter.predict_ab(L, np.array([[150.5, 100.5, 30, 20]]), size=64)
    assert ab.shape == (2, 300, 400)
    np.testing.assert_allclose(ab[:, 150, 100], [30, 20], atol=5)
    np.testing.assert_allclose(painter.predict_ab(L)[:, 0, 0], [20, -30], atol=1e-3)


def test_a_palette_is_that_of_its_point(make_toy):
    colour = make_toy(tells=("logits",))
    grey = np.full((64, 64), 20, np.uint8)
    grey[32:, 32:] = 230
    dark, light = colour.palette(grey, 0, 0), colour.palette(grey, 64, 64)
    assert dark.lightness < 10 < 90 < light.lightness
    assert dark.keep != light.keep
    assert colour.palette(grey, 31.9, 31.9) == dark
    assert colour.palette(grey, 32.1, 32.1) == light
    with pytest.raises(BadOption, match="outside the photo"):
        colour.palette(grey, 65, 30)


@pytest.mark.parametrize("vivid", [None, 0, 1])
def test_a_palette_begins_with_the_colour_that_the_photo_has(make_toy, vivid):
    colour = make_toy(offset=(12, -8), hints=1, vivid=[], tells=("logits",), metadata=DIAL)
    grey, red = tones(60, 90), Hint(60, 40, (40, 25))
    for hints in ((), (red,)):
        found = colour.palette(grey, 60, 40, hints=hints, vivid=vivid)
        painted = colour.colorize(grey, hints=hints, vivid=vivid)
        ab = color.rgb_to_lab(painted / 255, axis=-1)[40, 60, 1:]
        np.testing.assert_allclose(found.keep.ab, ab, atol=2.5)


def test_hints_change_a_palette(make_toy):
    colour, grey = make_toy(hints=True, tells=("logits",)), tones(60, 90)
    before = colour.palette(grey, 20, 30)
    after = colour.palette(grey, 20, 30, hints=[(20, 30, (25, 20))])
    np.testing.assert_allclose(after.keep.ab, [25, 20], atol=5)
    assert before.keep != after.keep
    assert after.keep.probability > 0.5


def test_a_palette_has_at_most_so_many_and_a_longer_one_begins_with_the_shorter(painter):
    photo = tones(40, 60)
    whole = painter.palette(photo, 20, 30, most=64)
    assert len(whole.colors) > 3
    for most in range(1, len(whole.colors)):
        assert painter.palette(photo, 20, 30, most=most).colors == whole.colors[:most]
    for most in (0, 65):
        with pytest.raises(BadOption, match=f"most is {most}: give a number from 1 to 64"):
            painter.palette(photo, 20, 30, most=most)
    with pytest.raises(BadOption, match="vivid"):
        painter.palette(photo, 20, 30, vivid=2)


def test_versions_are_the_seeds(painter):
    first, again, other = (painter.sample_hints(tones(120, 160), 4, seed) for seed in (1, 1, 2))
    assert len(set(first)) == 4
    assert again == first
    assert other != first


def test_versions_begin_with_what_is_given(painter, tmp_path):
    given = (Hint(20, 30, "olive"), Hint(100, 90, (10.0, 5.0)))
    write_hints(given, tmp_path / "hints.json")
    grey = tones(120, 160)
    versions = painter.sample_hints(grey, 3, hints=given)
    for version in versions:
        assert version[:2] == given
        assert len(version) > 2
        assert all(0 <= hint.x <= 160 and 0 <= hint.y <= 120 for hint in version)
    assert painter.sample_hints(grey, 3, hints=tmp_path / "hints.json") == versions


@pytest.mark.parametrize(
    ("given", "words"),
    [
        *(({"k": k}, f"k is {k}: give a number from 1 to 64") for k in (0, -1, 65)),
        ({"k": 1, "seed": -1}, "seed is -1: give a number from 0"),
    ],
)
def test_how_many_versions_there_may_be(make_toy, given, words):
    with pytest.raises(BadOption, match=words):
        make_toy(tells=("logits",)).sample_hints(tones(40, 40), **given)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 31)])
def test_small_photos_have_versions_and_palettes_too(painter, size):
    grey = np.full(size, 128, np.uint8)
    (version,) = painter.sample_hints(grey, 1)
    assert painter.colorize(grey, hints=version).shape == (*size, 3)
    assert painter.palette(grey, size[1], size[0], hints=version)
    assert painter.uncertainty(grey).shape == size
    assert len(painter.unsure_places(grey, hints=version)) <= 5


def test_uncertainty_is_in_bits_at_the_photos_size(make_toy):
    colour, grey = make_toy(hints=True, tells=("logits",)), tones(300, 500)
    bits = colour.uncertainty(grey)
    assert (bits.shape, bits.dtype) == ((300, 500), np.float32)
    assert 0 < bits.min() <= bits.max() <= np.log2(6) + 1e-3
    hinted = colour.uncertainty(grey, hints=[Hint(100, 100, (25, 20))])
    assert hinted[100, 100] < bits[100, 100] - 0.3
    assert hinted[290, 490] == bits[290, 490]


@pytest.fixture
def reference() -> np.ndarray:
    """Green below, blue above, of every lightness between."""
    lab = np.empty((64, 96, 3))
    lab[..., 0] = np.linspace(30, 75, 64 * 96).reshape(96, 64).T[::-1]
    lab[:32, :, 1:], lab[32:, :, 1:] = (0, -20), (-20, 20)
    return np.rint(np.clip(color.lab_to_rgb(lab, axis=-1), 0, 1) * 255).astype(np.uint8)


@pytest.fixture
def grey(reference) -> np.ndarray:
    """The reference without its colours."""
    return np.rint(grey_levels(reference)).astype(np.uint8)


def test_what_is_seen_in_both_takes_its_colour(painter, grey, reference):
    borrowed = painter.hints_from_reference(grey, reference)
    assert len(borrowed) > 10
    assert all(0 <= hint.x <= 96 and 0 <= hint.y <= 64 for hint in borrowed)
    off = [np.abs(ab_at(reference, hint.x, hint.y) - hint.ab).max() for hint in borrowed]
    assert np.median(off) < 3


def test_colours_of_a_reference_and_hints_go_together(painter, grey, reference, tmp_path):
    hint, truth = Hint(48, 16, (25.0, 0.0)), color.rgb_to_lab(reference / 255.0, axis=-1)
    off = [
        np.abs(color.rgb_to_lab(coloured / 255.0, axis=-1) - truth).mean()
        for coloured in (painter.colorize(grey, reference=reference), painter.colorize(grey))
    ]
    assert off[0] < off[1] * 0.65
    borrowed = painter.hints_from_reference(grey, reference)
    write_hints([hint], tmp_path / "hints.json")
    both = painter.colorize(grey, reference=png(reference), hints=tmp_path / "hints.json")
    assert (both == painter.colorize(grey, hints=[hint, *borrowed])).all()


def test_a_reference_is_never_written_over(painter, grey, reference, tmp_path):
    photo, colours = tmp_path / "photo.png", tmp_path / "colours.png"
    photo.write_bytes(png(grey))
    colours.write_bytes(png(reference))
    with pytest.raises(CannotWrite, match=r"colours\.png is the photo itself"):
        painter.colorize(photo, reference=colours, output=colours, force=True)
    assert colours.read_bytes() == png(reference)
    assert painter.colorize(photo, reference=colours) == tmp_path / "photo.color.png"


def test_a_reference_without_colour_is_refused(painter):
    with pytest.raises(BadOption, match="The reference has no colour: give a photo that has"):
        painter.hints_from_reference(tones(40, 60), tones(40, 60))


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("palette", (1, 1), "toy tells no distribution over colours"),
        ("sample_hints", (2,), "toy tells no distribution over colours"),
        ("uncertainty", (), "toy tells no distribution over colours"),
        ("unsure_places", (), "toy tells no distribution over colours"),
        ("hints_from_reference", (COLORS,), "toy tells no features"),
    ],
)
def test_what_a_model_does_not_tell_is_said(make_toy, method, given, words):
    with pytest.raises(BadOption, match=words + ".*: use a model that does"):
        getattr(make_toy(), method)(COLORS, *given)


def test_a_photo_is_looked_at_once_for_one_hint_after_another(make_toy, spy_on):
    colour = make_toy(hints=True)
    spy, L = spy_on(colour), np.linspace(20, 80, 48 * 64, dtype=np.float32).reshape(48, 64)
    spots = np.array([[20, 30, 40, -20]], np.float32)
    found = [colour.predict_ab(L, spots) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    assert len(spy) == 2  # without the hint, and with it
    np.testing.assert_allclose(colour.predict_ab(L.astype(float), spots), found[0], atol=1e-3)
    assert len(spy) == 2
    colour.predict_ab(L, spots + np.float32([0, 0, 1, 1]))
    assert len(spy) == 3  # another hint is one question more
    colour.predict_ab(L, spots, vivid=None, size=64)
    assert len(spy) == 5  # another size is another look


def test_of_hints_that_change_the_others_are_asked_for_once(make_toy, spy_on):
    colour, fresh = (make_toy(hints=True, tells=("logits",)) for _ in range(2))
    spy, L = spy_on(colour), np.linspace(20, 80, 48 * 64, dtype=np.float32).reshape(48, 64)
    likely = [[9, 9, *fresh.predict_ab(L)[:, 9, 9]]]
    odd = np.array([[20, 30, 100, -100]], np.float32)
    for n, asked in ((0, 3), (1, 4), (2, 5)):  # without, with those that are likely, with all
        spots = np.concatenate([likely, odd + np.float32([0, 0, 0, n])]).astype(np.float32)
        np.testing.assert_array_equal(colour.predict_ab(L, spots), fresh.predict_ab(L, spots))
        assert len(spy) == asked
