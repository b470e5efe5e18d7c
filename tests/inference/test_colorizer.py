"""A photo of any kind becomes one of the same kind, in colour; what is asked for is checked."""

from __future__ import annotations

import copy
import io
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import photochrom
from photochrom import PhotoWarning, color
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import encode_photo
from photochrom.inference import colorizer, model_files, pipeline
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint
from pixels import grey_levels, png
from tags import dump, load


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 70), width=st.integers(1, 70), count=st.integers(1, 3))
def test_padding_changes_nothing(make_model, height, width, count):
    colour = Colorizer(make_model(slope=(0.5, -0.25), offset=(3, 4)), threads=1)
    L = np.random.default_rng(0).uniform(0, 100, (count, 1, height, width)).astype(np.float32)
    expected = np.concatenate([0.5 * L + 3, -0.25 * L + 4], axis=1)
    np.testing.assert_allclose(colour.predict(L), expected, atol=1e-4)


@pytest.mark.parametrize(("shape", "padded"), [((1, 1), (32, 32)), ((33, 64), (64, 64))])
def test_the_network_sees_multiples_mirrored(make_toy, spy_on, shape, padded):
    spy = spy_on(colour := make_toy())
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, *shape)).astype(np.float32)
    colour.predict(L)
    seen = spy[0].args[1]["L"]
    assert seen.shape[2:] == padded
    assert set(np.unique(seen)) == set(np.unique(L))  # nothing but the photo's own lightness


def test_ab_is_held_to_its_range(make_toy):
    ab = make_toy(offset=(500, -500)).predict(np.zeros((1, 1, 4, 4), np.float32))
    assert np.unique(ab[:, 0]) == 127
    assert np.unique(ab[:, 1]) == -128


def test_hints_reach_the_network_and_are_zero_without(make_toy):
    colour = make_toy(offset=(0, 0), hints=True)
    L, hints = np.full((1, 1, 5, 6), 50.0), np.zeros((1, 3, 5, 6))
    hints[0, :, 2, 3] = 40, -20, 1
    ab = colour.predict(L, hints)
    assert ab[0, :, 2, 3].tolist() == [40, -20]
    assert np.count_nonzero(ab) == 2
    assert not colour.predict(L).any()


@pytest.mark.parametrize("shape", [[], [1]])
def test_vivid_has_the_models_default(make_toy, shape):
    colour = make_toy(offset=(0, 0), vivid=shape, metadata={"default_vivid": "2.5"})
    L = np.zeros((1, 1, 2, 2), np.float32)
    assert (colour.predict(L) == 2.5).all()
    assert (colour.predict(L, vivid=0.5) == 0.5).all()


def test_what_predict_refuses(make_toy):
    colour, L = make_toy(), np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(BadOption, match=r"give \(N, 1, H, W\)"):
        colour.predict(L[0, 0])
    with pytest.raises(BadOption, match="takes no hints"):
        colour.predict(L, np.zeros((1, 3, 4, 4)))
    with pytest.raises(BadOption, match="hints have shape"):
        make_toy("hinted", hints=True).predict(L, np.zeros((1, 3, 5, 4)))


def test_array_in_array_out(make_toy, scene):
    colour = make_toy()
    for array in (scene, scene[..., None], np.dstack([scene] * 3)):
        out = colour.colorize(array)
        assert (out.shape, out.dtype) == ((48, 64, 3), np.uint8)
        assert np.abs(grey_levels(out) - scene).max() <= 1
    deep = colour.colorize(scene.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    floats = colour.colorize(scene.astype(np.float32) / 255)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, deep / 65535, atol=1e-5)
    alpha = scene.T.reshape(48, 64)
    assert (colour.colorize(np.dstack([scene] * 3 + [alpha]))[..., 3] == alpha).all()


def test_bytes_and_images(make_toy, scene):
    colour = make_toy()
    from_bytes = Image.open(io.BytesIO(colour.colorize(png(scene))))
    assert (from_bytes.format, from_bytes.mode, from_bytes.size) == ("PNG", "RGB", (64, 48))
    image = colour.colorize(Image.fromarray(scene))
    assert isinstance(image, Image.Image)
    assert (np.asarray(image) == np.asarray(from_bytes)).all()
    with pytest.raises(BadOption, match="go with a path"):
        colour.colorize(scene, output="out.png")


def test_paths(make_toy, scene, tmp_path):
    colour, source = make_toy(), tmp_path / "old house.png"
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


def test_folders_for_the_output_are_made(make_toy, scene, tmp_path):
    colour = make_toy()
    (tmp_path / "scene.png").write_bytes(png(scene))
    target = tmp_path / "x" / "y" / "z.webp"
    assert colour.colorize(tmp_path / "scene.png", output=target) == target
    assert Image.open(target).size == scene.shape[1::-1]
    (tmp_path / "bad.png").write_bytes(b"bad")
    with pytest.raises(BadPhoto):
        colour.colorize(tmp_path / "bad.png", output=tmp_path / "none" / "z.webp")
    assert not (tmp_path / "none").exists()
    with pytest.raises(CannotWrite, match="choose another folder"):
        colour.colorize(tmp_path / "scene.png", output=target / "z.webp")


def test_whatever_holds_bytes_is_answered_by_bytes(make_toy, scene, tmp_path):
    colour, data = make_toy(offset=(3, 4)), png(scene)
    expected = colour.colorize(data)
    (tmp_path / "scene.png").write_bytes(data)
    file = io.BytesIO(data)
    file.seek(0, io.SEEK_END)  # as one leaves it who has just written it
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with (tmp_path / "scene.png").open("rb") as opened, os.fdopen(reading, "rb", 0) as pipe:
        for held in (bytearray(data), memoryview(data), file, opened, pipe):
            done = colour.colorize(held)
            assert (type(done), done) == (bytes, expected)


def test_an_open_file_serves_for_all_questions(make_toy, color_scene, scene):
    able = make_toy(hints=0.1, tells=("logits", "features"))
    data, colours = png(scene), png(color_scene)
    assert able.palette(io.BytesIO(data), 3, 4) == able.palette(data, 3, 4)
    assert able.sample_hints(io.BytesIO(data), 2) == able.sample_hints(data, 2)
    assert (able.uncertainty(io.BytesIO(data)) == able.uncertainty(data)).all()
    borrowed = able.hints_from_reference(io.BytesIO(data), bytearray(colours))
    assert borrowed == able.hints_from_reference(data, colours)


def test_what_holds_no_bytes_is_said(make_toy, tmp_path):
    colour = make_toy()
    (tmp_path / "text").write_text("a photo")
    for name, mode, words in (
        ("text", "r", "open it in binary mode, 'rb'"),
        ("new", "wb", "open it for reading"),
    ):
        with (tmp_path / name).open(mode) as file, pytest.raises(BadPhoto, match=words):
            colour.colorize(file)
    with pytest.raises(BadPhoto, match="cannot be read"):
        colour.colorize(file)  # by now it is closed
    for nothing in (None, 7, [[1, 2]]):
        with pytest.raises(BadPhoto, match=f"A {type(nothing).__name__} is no photo: give a path"):
            colour.colorize(nothing)


def test_notes_are_warnings(make_toy, scene, tmp_path, monkeypatch):
    def noting(photo, kind):
        return replace(photo, notes=("its thumbnail was left out",))

    (tmp_path / "a.png").write_bytes(png(scene))
    monkeypatch.setattr(pipeline, "fit_to_format", noting)
    for source in (str(tmp_path / "a.png"), png(scene)):
        with pytest.warns(PhotoWarning, match="its thumbnail was left out"):
            make_toy().colorize(source)


class Mine(Colorizer):
    pass


def test_a_colorizer_survives_pickle_and_copy(make_model, scene, monkeypatch):
    path = make_model("mine", offset=(3, 4))
    monkeypatch.chdir(path.parent)
    colour = Mine(path.name, threads=1, device="cpu")
    monkeypatch.chdir("/")  # another process may stand in another folder
    for again in (pickle.loads(pickle.dumps(colour)), copy.deepcopy(colour)):
        assert type(again) is Mine
        assert again.model.path.samefile(path)
        assert again._again.keywords == {"threads": 1, "device": "cpu"}
        np.testing.assert_array_equal(again.colorize(scene), colour.colorize(scene))
    monkeypatch.setattr(model_files, "WEIGHTS", path.parent)
    monkeypatch.setattr(colorizer, "WEIGHTS", path.parent)
    assert Colorizer("mine")._again.args == ("mine",)  # the name, wherever it lies there


def test_module_function_loads_the_default_once(make_model, monkeypatch, tmp_path):
    make_model("hintnet")
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    colorizer.default_colorizer.cache_clear()
    try:
        out = colorizer.colorize(np.full((8, 9), 70, np.uint8), strength=0.5)
        assert out.shape == (8, 9, 3)
        assert colorizer.default_colorizer() is colorizer.default_colorizer()
    finally:
        colorizer.default_colorizer.cache_clear()


def test_the_colour_is_the_networks_and_that_of_the_photo_is_replaced(make_toy):
    out = make_toy(offset=(20, -30)).colorize(np.full((40, 50), 128, np.uint8))
    lab = color.rgb_to_lab(out / 255.0, axis=-1)
    np.testing.assert_allclose(lab[..., 1:], np.broadcast_to([20, -30], (40, 50, 2)), atol=0.5)
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    out = make_toy(offset=(0, 0)).colorize(photo)
    assert np.ptp(out.astype(int), axis=2).max() == 0
    assert np.abs(grey_levels(out) - grey_levels(photo)).max() <= 0.51


def test_strength(make_toy, scene):
    colour = make_toy(offset=(10, 10))
    for array in (scene, scene.astype(np.uint16) * 256 + 77):
        assert (colour.colorize(array, strength=0) == array[..., None]).all()
    middle = np.full((8, 8), 128, np.uint8)
    done = [colour.colorize(middle, strength=s) / 255.0 for s in (0.5, 1, 1.5)]
    a = [color.rgb_to_lab(rgb, axis=-1)[0, 0, 1] for rgb in done]
    np.testing.assert_allclose(a, [5, 10, 15], atol=0.5)


@pytest.mark.parametrize("strength", [0, 1])
def test_what_a_model_does_not_take_is_refused_even_where_no_colour_is_asked_for(
    make_toy, scene, strength
):
    with pytest.raises(BadOption, match="toy has no vivid"):
        make_toy().colorize(scene, strength=strength, vivid=0.9)


@pytest.mark.parametrize(
    ("shape", "size", "seen"),
    [
        ((400, 600), 100, (100, 150)), ((600, 400), 100, (150, 100)),
        ((50, 70), 100, (100, 140)),  # enlarged, to what the network knows
        ((100, 1000), 100, (40, 400)), ((10, 6000), 256, (2, 1024)),  # the long side is capped
        ((1, 1), 256, (256, 256)),
        ((128, 200), None, (64, 100)),  # the model's own
    ],
)  # fmt: skip
def test_the_network_sees_the_size_asked_for_in_the_photos_aspect_ratio(
    make_toy, spy_on, shape, size, seen
):
    spy = spy_on(colour := make_toy(metadata={"multiple": "1", "size": "64"}))
    assert colour.colorize(np.full(shape, 99, np.uint8), size=size).shape == (*shape, 3)
    assert [run.args[1]["L"].shape for run in spy] == [(1, 1, *seen)]


def test_a_very_long_photo(make_toy):
    photo = np.tile(np.arange(256, dtype=np.uint8), (10, 235))[:, :60_000]
    colour = make_toy(offset=(5, 5))
    assert np.abs(grey_levels(colour.colorize(photo)) - photo).max() <= 1
    assert colour.colorize(np.ascontiguousarray(photo.T)).shape == (60_000, 10, 3)


def test_photos_larger_than_the_network_sees(make_toy):
    ramp = np.tile(np.linspace(0, 255, 500), (300, 1)).astype(np.uint8)
    out = make_toy(slope=(0.2, -0.1), offset=(0, 0)).colorize(ramp, size=64)
    lab = color.rgb_to_lab(out / 255.0, axis=-1)
    L = color.grey_to_lightness(ramp / 255.0)
    inside = (L > 10) & (L < 90)
    assert np.abs(lab[..., 1] - 0.2 * L)[inside].max() < 1.5
    assert np.abs(grey_levels(out) - ramp).max() <= 1


@pytest.mark.parametrize("shape", [(48, 64), (61, 47), (3, 5)])
def test_ab_told_in_cells_is_refined_whatever_the_size(make_toy, shape):
    L = np.broadcast_to(np.linspace(20, 80, shape[1], dtype=np.float32), shape)
    given = {"slope": (0.5, -0.25), "offset": (3, 4)}
    plain, coarse = (
        make_toy(name, tells=tells, **given).predict_ab(L, size=max(32, min(shape)))
        for name, tells in (("plain", ()), ("cells", ("coarse",)))
    )
    np.testing.assert_allclose(coarse[:, :, 2:-2], plain[:, :, 2:-2], atol=1)
    np.testing.assert_allclose(coarse, plain, atol=3)  # outermost, a cell mirrors what is beyond


def test_ab_is_not_asked_of_a_model_that_tells_it_in_cells(make_toy, spy_on):
    spy = spy_on(colour := make_toy(tells=("coarse",)))
    colour.predict_ab(np.full((48, 64), 50, np.float32))
    assert [run.args[0] for run in spy] == [["coarse"]]


def test_the_best_looks_at_both_sides_at_three_sizes(make_toy, spy_on):
    spy = spy_on(colour := make_toy(hints=True))
    photo = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (96, 1))
    colour.colorize(photo, hints=[Hint(10, 20, (30, -20))], size=96, quality="best")
    mirrored = []
    shapes = [(96, 128)] * 4 + [(128, 160)] * 2  # 96, 80 and 112, padded
    plain, hinted = spy[:6], spy[6:]
    assert [run.args[1]["hints"].any() for run in plain] == [False] * 6
    for run, shape, width in zip(hinted, shapes, (120, 120, 100, 100, 140, 140), strict=True):
        L, planes = run.args[1]["L"][0, 0], run.args[1]["hints"][0]
        assert L.shape == shape
        mirrored.append(bool(L[0, 0] > L[0, width - 1]))
        x, y = int(10 * width / 120), int(20 * width / 120)
        assert planes[2, :, :width].sum() == 25
        assert planes[:, y, width - 1 - x if mirrored[-1] else x].tolist() == [30, -20, 1]
    assert sorted(mirrored) == [False, False, False, True, True, True]


@pytest.mark.parametrize("tells", [(), ("coarse",)])
def test_looks_that_agree_are_as_good_as_one(make_toy, tells):
    colour = make_toy(slope=(0.3, -0.2), tells=tells)
    L = np.broadcast_to(np.linspace(30, 70, 90, dtype=np.float32), (61, 90))
    best = colour.predict_ab(L, size=61, quality="best")
    np.testing.assert_allclose(best, colour.predict_ab(L, size=61), atol=1)


def test_every_page_of_bytes_and_paths(make_toy, scene, tmp_path):
    colour = make_toy(offset=(30, 0), metadata={"name": "toy", "version": "3"})
    assert colour.name == "toy 3"
    album = tmp_path / "scan.tif"
    album.write_bytes(png(scene, "TIFF", (255 - scene,)))
    note = f"photochrom {photochrom.__version__}, model toy 3".encode()
    for result in (colour.colorize(album.read_bytes()), colour.colorize(album)):
        pages = list(read_pages(result))
        assert [np.ptp(page.pixels, axis=2).max() > 10 for page in pages] == [True, True]
        assert [page.pictures for page in pages] == [2, 2]
        assert all(note in page.xmp for page in pages)


def test_strip_and_mark(make_toy, scene):
    colour = make_toy()
    source = encode_photo(Photo(scene, exif=dump({315: "Ansel"})), "JPEG")

    def tags(**options) -> dict:
        return load(read_photo(colour.colorize(source, **options)).exif)

    tool = f"photochrom {photochrom.__version__}"
    assert tags() == {315: "Ansel", 305: tool, 11: tool}
    assert tags(strip=True) == {305: tool, 11: tool}
    assert tags(mark=False) == tags(strength=0) == {315: "Ansel"}
    assert tags(strip=True, mark=False) == {}


def test_render_keeps_the_metadata(make_toy, scene):
    photo = Photo(scene, alpha=scene, xmp=b"<x/>", dpi=(300, 300), profiled=True, format="PNG")
    out = make_toy().render(photo)
    assert (out.xmp, out.dpi, out.profiled, out.format) == (b"<x/>", (300, 300), True, "PNG")
    assert out.alpha is scene
