from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from photochrom.color import STUDY_GRID, rgb_to_lab
from photochrom.data.photo_set import Chosen
from photochrom.data.shards import find_shards
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadOption
from photochrom.training.loader import Loader, to_lab
from photochrom.training.presets import Experiment
from photochrom.training.training_data import bin_frequency, center_squares


@pytest.fixture
def make(photos):
    """A loader of the tiny photos; any setting may be given."""

    def loader(chosen=range(20), of=photos, **given) -> Loader:
        usual = {"size": 32, "zoom": 0.8, "batch": 6, "hints": 0.5, "degraded": 0.5, "seed": 3}
        here = {k: given.pop(k) for k in ("rank", "world", "resident") if k in given}
        left_out = np.setdiff1d(np.arange(20), chosen)
        return Loader(of, Chosen(20, left_out), Experiment("hintnet", **usual | given), 8, **here)

    return loader


@pytest.fixture(params=["decoded", "streamed"])
def both(request, make, photos, folder):
    """``make`` of decoded photos, and of such as are read when they are needed."""
    decoded = request.param == "decoded"
    return partial(
        make, of=photos if decoded else StreamedPhotos(find_shards([folder]), 40, readers=2)
    )


def numbers(loader: Loader, step: int) -> list[int]:
    """Of the photos of a step."""
    return loader.draw.numbers(step).tolist()


def same(one, other) -> bool:
    return all(torch.equal(vars(one)[name], vars(other)[name]) for name in vars(one))


def test_a_batch_is_a_function_of_seed_and_step_alone(both):
    make = both
    first, second = make(), make()
    in_order = [first(step) for step in range(8)]
    torch.manual_seed(99)
    backwards = [second(step) for step in reversed(range(8))][::-1]
    assert all(map(same, in_order, backwards))
    assert not same(in_order[0], in_order[1])
    assert not same(in_order[0], make(seed=4)(0))


@pytest.mark.parametrize("world", [2, 3])
def test_what_the_processes_see_together_is_what_one_sees(both, world):
    make = partial(both, recolored=0.6, film=0.4)  # 4 and 2 of 6: the ranks have unequal shares
    for step in range(4):
        whole = make()(step)
        shares = [make(rank=rank, world=world)(step) for rank in range(world)]
        for rank, share in enumerate(shares):
            assert len(share.lab) == 6 // world
            assert (whole.lab[rank::world] - share.lab).abs().max() < 1e-3
            assert torch.equal(whole.hints[rank::world, 2], share.hints[:, 2])
            assert (whole.hints[rank::world] - share.hints).abs().max() < 1e-3
            assert (whole.lightness[rank::world] - share.lightness).abs().max() < 1e-3


def test_a_resident_set_gives_the_same(make):
    make = partial(make, recolored=0.5, film=0.5)
    assert all(same(make()(step), make(resident=True)(step)) for step in range(4))


def test_an_epoch_sees_every_photo_at_most_once_and_each_epoch_another_order(both):
    make = both
    loader = make()
    assert loader.steps_per_epoch == 3
    epochs = [[i for step in range(3) for i in numbers(loader, 3 * e + step)] for e in range(3)]
    assert all(len(set(epoch)) == 18 for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    chosen = make(chosen=[2, 5, 7, 11, 13, 17])
    assert sorted(numbers(chosen, 0)) == [2, 5, 7, 11, 13, 17]


def test_streamed_photos_are_not_resident(make, folder):
    with pytest.raises(BadOption, match="leave out --resident or --stream"):
        make(of=StreamedPhotos(find_shards([folder]), 40), resident=True)


def test_fewer_photos_than_a_batch(make):
    loader = make(chosen=range(5), batch=64)
    assert loader.batch == 5
    assert loader.steps_per_epoch == 1
    assert sorted(numbers(loader, 7)) == [0, 1, 2, 3, 4]
    assert len(make(chosen=range(5), world=2, batch=64)(0).lab) == 2


def test_fewer_photos_than_processes_is_one_sentence(make):
    with pytest.raises(BadOption, match="4 processes cannot share 3 photos a step"):
        make(chosen=range(3), world=4)
    with pytest.raises(BadOption, match=r"2 processes cannot share 1 .*larger --batch"):
        make(batch=1, world=2)


def test_lab_is_that_of_the_photo(make, photos):
    """At the size and zoom of the photo a crop is a stretch of it, perhaps mirrored."""
    loader = make(size=40, zoom=1.0)
    mirrored = set()
    for step in range(3):
        for i, lab in zip(numbers(loader, step), loader(step).lab, strict=True):
            whole = rgb_to_lab(torch.from_numpy(photos[i].copy()).permute(2, 0, 1).float() / 255)
            pieces = whole.unfold(1, 40, 1).unfold(2, 40, 1).flatten(1, 2).transpose(0, 1)
            found = [
                flipped
                for flipped in (False, True)
                for piece in pieces
                if torch.allclose(piece, lab.flip(2) if flipped else lab, atol=1e-3)
            ]
            assert len(found) == 1
            mirrored.add(found[0])
    assert mirrored == {False, True}


def test_steps_take_one_of_the_sizes_each(make):
    make, sizes = partial(make, smallest=32, size=48), [32, 40, 48]
    taken = [make()(step).lab.shape[2:] for step in range(24)]
    assert {h for h, _ in taken} == set(sizes)
    assert all(h == w for h, w in taken)
    other = make(rank=1, world=2)
    assert [other(step).lab.shape[2:] for step in range(24)] == taken


def test_resizing_keeps_a_plain_colour():
    pixels = torch.full((1, 40, 40, 3), 128, dtype=torch.uint8)
    pixels[..., 2] = 30
    lab = to_lab(pixels, 32)
    expected = rgb_to_lab(pixels[:, :32, :32].permute(0, 3, 1, 2).float() / 255)
    assert (lab - expected).abs().max() < 1e-3


# --- what else is done to the photos ----------------------------------------------------------


def test_hints_show_the_colours_that_are_asked_for_and_nothing_elsewhere(make):
    exact = 0
    for step in range(20):
        batch = make(hints=1.0, recolored=0.5)(step)
        ab, mask = batch.hints[:, :2], batch.hints[:, 2:]
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert not (ab * (1 - mask)).any()
        apart = (ab - batch.lab[:, 1:]) * mask
        exact += int((~apart.flatten(1).any(1)).sum())
    assert exact / 120 == pytest.approx(1 / 5, abs=0.12)  # patches of one pixel


def test_only_the_lightness_the_network_sees_is_degraded(make):
    clean, old = make(degraded=0.0), make(degraded=1.0)
    changed = []
    for step in range(20):
        a, b = clean(step), old(step)
        assert torch.equal(a.lightness, a.lab[:, :1])
        assert torch.equal(a.lab, b.lab)
        assert torch.equal(a.hints, b.hints)
        assert b.lightness.shape == (6, 1, 32, 32)
        changed += (b.lightness != a.lightness).flatten(1).any(1).tolist()
    assert np.mean(changed) == pytest.approx(15 / 16, abs=0.06)


@pytest.mark.parametrize(("share", "many"), [(0, 0), (0.25, 2), (0.5, 3), (0.6, 4), (1, 6)])
def test_exactly_the_share_asked_for_is_recoloured_and_told(make, share, many):
    """Each recoloured photo has a hint, here those alone."""
    plain, other = make(hints=0.0, degraded=0.0), make(hints=0.0, degraded=0.0, recolored=share)
    moved = []
    for step in range(10):
        a, b = plain(step), other(step)
        assert b.hints[:, 2].flatten(1).any(1).tolist() == [True] * many + [False] * (6 - many)
        assert torch.equal(a.lab[many:], b.lab[many:])
        assert torch.equal(a.lightness, b.lightness)
        assert torch.equal(a.lab[:, 0], b.lab[:, 0])
        moved += (a.lab - b.lab)[:many].abs().amax((1, 2, 3)).tolist()
    if many:
        assert np.mean(np.array(moved) > 5) > 0.5  # some photos look alike all over


@pytest.mark.parametrize(("share", "many"), [(0, 0), (0.25, 2), (0.5, 3), (0.6, 4), (1, 6)])
def test_exactly_the_share_asked_for_is_seen_through_film(make, share, many):
    plain, other = make(degraded=0.0), make(degraded=0.0, film=share)
    for step in range(10):
        a, b = plain(step), other(step)
        assert torch.equal(a.lab, b.lab)
        assert torch.equal(a.hints, b.hints)
        changed = (a.lightness - b.lightness).abs().amax((1, 2, 3)) > 0.1
        assert changed.tolist() == [False] * (6 - many) + [True] * many
        assert 0 <= b.lightness.min() <= b.lightness.max() <= 100


def test_what_is_done_to_a_photo_does_not_depend_on_what_else_is(make):
    """So a share can be changed and the rest compared."""
    bare = make(degraded=0.0)(3)
    full = make(recolored=0.5, film=0.5)(3)
    assert torch.equal(full.lab[3:], bare.lab[3:])
    assert torch.equal(full.hints[3:], bare.hints[3:])


# --- validation and statistics ----------------------------------------------------------------


def test_validation_takes_centre_squares(photos):
    batches = center_squares(photos, [3, 0, 8, 5, 2], 2)
    assert [batch.shape for batch in batches] == [(2, 40, 40, 3), (2, 40, 40, 3), (1, 40, 40, 3)]
    h, w = photos[3].shape[:2]
    top, left = (h - 40) // 2, (w - 40) // 2
    assert np.array_equal(batches[0][0], photos[3][top : top + 40, left : left + 40])
    assert center_squares(photos, [], 2) == []


def test_bins_are_counted_over_every_other_pixel(photos):
    chosen = Chosen(20, np.setdiff1d(np.arange(20), [0, 4]))
    counts = bin_frequency(photos, chosen, STUDY_GRID)
    assert counts.shape == (676,)
    sampled = [photos[i][::2, ::2].transpose(2, 0, 1) / 255 for i in (0, 4)]
    assert counts.sum() == sum(rgb[0].size for rgb in sampled)
    bins = [STUDY_GRID.index(*rgb_to_lab(rgb)[1:]).astype(int).ravel() for rgb in sampled]
    likeliest = np.concatenate(bins)
    assert counts.argmax() == np.bincount(likeliest).argmax()
    assert not counts[~STUDY_GRID.in_gamut()].any()


@pytest.mark.parametrize("most", [1, 3, 7, 19, 20, 100])
def test_bins_are_counted_on_no_more_photos_than_asked(photos, most):
    seen = []
    noted = SimpleNamespace(
        read_photos=lambda numbers: seen.extend(numbers) or photos.read_photos(numbers)
    )
    bin_frequency(noted, Chosen(20, np.array([], np.int64)), STUDY_GRID, most)
    assert 1 <= len(seen) <= most
    assert len(seen) > most / 2 or most > 20
