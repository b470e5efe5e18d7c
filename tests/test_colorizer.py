from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from photochrom import color, colorizer, model
from photochrom.colorizer import Colorizer
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.photo import Photo

MakeModel = Callable[..., Path]


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def levels(rgb: np.ndarray) -> np.ndarray:
    """The grey levels, fractions included, that have the lightness of 8-bit RGB (H, W, 3)."""
    table = color.grey_to_lightness(np.arange(256) / 255.0)
    return np.interp(color.rgb_to_lab(rgb / 255.0, axis=-1)[..., 0], table, np.arange(256))


class Spy:
    """Stands for a session and keeps what it was given."""

    def __init__(self, session) -> None:
        self.session, self.seen = session, []

    def run(self, outputs, inputs):
        self.seen.append(inputs)
        return self.session.run(outputs, inputs)


# --- predict ----------------------------------------------------------------------------------


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(height=st.integers(1, 70), width=st.integers(1, 70), count=st.integers(1, 3))
def test_padding_changes_nothing(make_model: MakeModel, height: int, width: int, count: int):
    colour = Colorizer(make_model(slope=(0.5, -0.25), offset=(3, 4)), threads=1)
    L = np.random.default_rng(0).uniform(0, 100, (count, 1, height, width)).astype(np.float32)
    expected = np.concatenate([0.5 * L + 3, -0.25 * L + 4], axis=1)
    np.testing.assert_allclose(colour.predict(L), expected, atol=1e-4)


@pytest.mark.parametrize(("shape", "padded"), [((1, 1), (32, 32)), ((33, 64), (64, 64))])
def test_the_network_sees_multiples_mirrored(make_model: MakeModel, shape, padded):
    colour = Colorizer(make_model())
    colour.model._session = spy = Spy(colour.model._session)
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, *shape)).astype(np.float32)
    colour.predict(L)
    seen = spy.seen[0]["L"]
    assert seen.shape[2:] == padded
    assert set(np.unique(seen)) == set(np.unique(L))  # nothing but the photo's own lightness


def test_ab_is_held_to_its_range(make_model: MakeModel):
    ab = Colorizer(make_model(offset=(500, -500))).predict(np.zeros((1, 1, 4, 4), np.float32))
    assert (ab[:, 0] == 127).all()
    assert (ab[:, 1] == -128).all()


def test_hints_reach_the_network_and_are_zero_without(make_model: MakeModel):
    colour = Colorizer(make_model(offset=(0, 0), hints=True))
    L, hints = np.full((1, 1, 5, 6), 50.0), np.zeros((1, 3, 5, 6))
    hints[0, :, 2, 3] = 40, -20, 1
    ab = colour.predict(L, hints)
    assert ab[0, :, 2, 3].tolist() == [40, -20]
    assert np.count_nonzero(ab) == 2
    assert not colour.predict(L).any()


@pytest.mark.parametrize("shape", [[], [1]])
def test_vivid_has_the_models_default(make_model: MakeModel, shape):
    model = make_model(offset=(0, 0), vivid=shape, metadata={"default_vivid": "2.5"})
    colour, L = Colorizer(model), np.zeros((1, 1, 2, 2), np.float32)
    assert (colour.predict(L) == 2.5).all()
    assert (colour.predict(L, vivid=0.5) == 0.5).all()
    with pytest.raises(BadOption, match="vivid is 7: give a number from 0 to 1"):
        colour.predict(L, vivid=7)
    with pytest.raises(BadOption, match="has no temperature: leave"):
        colour.predict(L, temperature=0.4)
    with pytest.raises(BadOption, match="finite"):
        colour.predict(L, vivid=float("nan"))


def test_what_predict_refuses(make_model: MakeModel):
    colour = Colorizer(make_model())
    L = np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(BadOption, match=r"give \(N, 1, H, W\)"):
        colour.predict(L[0, 0])
    with pytest.raises(BadOption, match="takes no hints"):
        colour.predict(L, np.zeros((1, 3, 4, 4)))
    with pytest.raises(BadOption, match="has no vivid"):
        colour.predict(L, vivid=1)
    hinted = Colorizer(make_model("hinted", hints=True))
    with pytest.raises(BadOption, match="hints have shape"):
        hinted.predict(L, np.zeros((1, 3, 5, 4)))


# --- colorize: the same kind comes back -------------------------------------------------------


def test_array_in_array_out(make_model: MakeModel, scene: np.ndarray):
    colour = Colorizer(make_model())
    for array in (scene, scene[..., None], np.dstack([scene] * 3)):
        out = colour.colorize(array)
        assert out.shape == (48, 64, 3)
        assert out.dtype == np.uint8
        assert np.abs(levels(out) - scene).max() <= 1
    deep = colour.colorize(scene.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    floats = colour.colorize(scene.astype(np.float32) / 255)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, deep / 65535, atol=1e-5)


def test_the_colour_is_the_networks(make_model: MakeModel):
    out = Colorizer(make_model(offset=(20, -30))).colorize(np.full((40, 50), 128, np.uint8))
    lab = color.rgb_to_lab(out / 255.0, axis=-1)
    np.testing.assert_allclose(lab[..., 1:], np.broadcast_to([20, -30], (40, 50, 2)), atol=0.5)


def test_alpha_is_kept(make_model: MakeModel, scene: np.ndarray):
    out = Colorizer(make_model()).colorize(np.dstack([scene] * 3 + [scene.T.reshape(48, 64)]))
    assert (out[..., 3] == scene.T.reshape(48, 64)).all()


def test_bytes_and_images(make_model: MakeModel, scene: np.ndarray):
    colour = Colorizer(make_model())
    from_bytes = Image.open(io.BytesIO(colour.colorize(png(scene))))
    assert (from_bytes.format, from_bytes.mode, from_bytes.size) == ("PNG", "RGB", (64, 48))
    image = colour.colorize(Image.fromarray(scene))
    assert isinstance(image, Image.Image)
    assert (np.asarray(image) == np.asarray(from_bytes)).all()
    with pytest.raises(BadOption, match="go with a path"):
        colour.colorize(scene, output="out.png")


def test_paths(make_model: MakeModel, scene: np.ndarray, tmp_path: Path):
    colour, source = Colorizer(make_model()), tmp_path / "old house.png"
    source.write_bytes(png(scene))
    written = colour.colorize(source)
    assert written == tmp_path / "old house.color.png"
    assert (np.asarray(Image.open(written)) == colour.colorize(scene)).all()
    with pytest.raises(CannotWrite, match="exists already"):
        colour.colorize(str(source))
    assert colour.colorize(str(source), force=True) == written
    assert colour.colorize(source, output=tmp_path / "x.jpg") == tmp_path / "x.jpg"
    assert Image.open(tmp_path / "x.jpg").format == "JPEG"
    with pytest.raises(CannotWrite, match="is the photo itself"):
        colour.colorize(source, output=source, force=True)
    assert source.read_bytes() == png(scene)
    with pytest.raises(BadPhoto, match="does not exist"):
        colour.colorize(tmp_path / "none.png")


def test_colour_in_the_photo_is_replaced(make_model: MakeModel):
    colour = Colorizer(make_model(offset=(0, 0)))
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    out = colour.colorize(photo)
    assert np.ptp(out.astype(int), axis=2).max() == 0
    assert np.abs(levels(out) - levels(photo)).max() <= 0.51


def test_strength(make_model: MakeModel, scene: np.ndarray):
    colour = Colorizer(make_model(offset=(10, 10)))
    for array in (scene, scene.astype(np.uint16) * 256 + 77):
        assert (colour.colorize(array, strength=0) == array[..., None]).all()
    middle = np.full((8, 8), 128, np.uint8)
    a = [
        color.rgb_to_lab(colour.colorize(middle, strength=s) / 255.0, axis=-1)[0, 0, 1]
        for s in (0.5, 1, 1.5)
    ]
    np.testing.assert_allclose(a, [5, 10, 15], atol=0.5)
    for wrong in (-0.1, 1.6, float("nan")):
        with pytest.raises(BadOption, match=r"strength is .*: give a number from 0 to 1.5"):
            colour.colorize(middle, strength=wrong)


def test_vivid_of_a_model_without_it(make_model: MakeModel, scene: np.ndarray):
    with pytest.raises(BadOption, match="toy has no vivid"):
        Colorizer(make_model()).colorize(scene, vivid=1.2, strength=0)


# --- the size the network sees ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "size", "seen"),
    [
        ((400, 600), 100, (100, 150)),
        ((600, 400), 100, (150, 100)),
        ((50, 70), 100, (50, 70)),  # not enlarged
        ((100, 1000), 100, (40, 400)),  # the long side is capped
        ((10, 6000), 256, (2, 1024)),
        ((1, 1), 256, (1, 1)),
    ],
)
def test_aspect_ratio_is_kept(make_model: MakeModel, shape, size, seen):
    colour = Colorizer(make_model(metadata={"multiple": "1"}))
    colour.model._session = spy = Spy(colour.model._session)
    out = colour.colorize(np.full(shape, 99, np.uint8), size=size)
    assert out.shape == (*shape, 3)
    assert [inputs["L"].shape for inputs in spy.seen] == [(1, 1, *seen)]


def test_the_size_is_the_models_unless_asked(make_model: MakeModel):
    colour = Colorizer(make_model(metadata={"size": "64"}))
    colour.model._session = spy = Spy(colour.model._session)
    colour.colorize(np.zeros((128, 200), np.uint8))
    assert spy.seen[0]["L"].shape == (1, 1, 64, 128)
    with pytest.raises(BadOption, match="size is 16: give a number from 32 to 2048"):
        colour.colorize(np.zeros((128, 200), np.uint8), size=16)


def test_a_very_long_photo(make_model: MakeModel):
    photo = np.tile(np.arange(256, dtype=np.uint8), (10, 235))[:, :60_000]
    out = Colorizer(make_model(offset=(5, 5))).colorize(photo)
    assert np.abs(levels(out) - photo).max() <= 1
    tall = Colorizer(make_model(offset=(5, 5))).colorize(np.ascontiguousarray(photo.T))
    assert tall.shape == (60_000, 10, 3)


def test_photos_larger_than_the_network(make_model: MakeModel):
    ramp = np.tile(np.linspace(0, 255, 500), (300, 1)).astype(np.uint8)
    out = Colorizer(make_model(slope=(0.2, -0.1), offset=(0, 0))).colorize(ramp, size=64)
    lab = color.rgb_to_lab(out / 255.0, axis=-1)
    L = color.grey_to_lightness(ramp / 255.0)
    inside = (L > 10) & (L < 90)
    assert np.abs(lab[..., 1] - 0.2 * L)[inside].max() < 1.5
    assert np.abs(levels(out) - ramp).max() <= 1


def test_module_function_loads_the_default_once(make_model: MakeModel, monkeypatch, tmp_path):
    make_model("hintnet")
    monkeypatch.setattr(model, "WEIGHTS", tmp_path)
    colorizer._default.cache_clear()
    try:
        out = colorizer.colorize(np.full((8, 9), 70, np.uint8), strength=0.5)
        assert out.shape == (8, 9, 3)
        assert colorizer._default() is colorizer._default()
    finally:
        colorizer._default.cache_clear()


def test_render_keeps_the_metadata(make_model: MakeModel, scene: np.ndarray):
    photo = Photo(scene, alpha=scene, xmp=b"<x/>", dpi=(300, 300), profiled=True, format="PNG")
    out = Colorizer(make_model()).render(photo)
    assert (out.xmp, out.dpi, out.profiled, out.format) == (b"<x/>", (300, 300), True, "PNG")
    assert out.alpha is scene
