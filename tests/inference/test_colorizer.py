from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import photochrom
from photochrom import color
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import encode_photo
from photochrom.inference import colorizer, onnx_model
from photochrom.inference import hints as hint_files
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint
from tags import dump, load

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
        self.session, self.seen, self.asked = session, [], []

    def run(self, outputs, inputs):
        self.seen.append(inputs)
        self.asked.append(outputs)
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


@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "BytesIO", "file", "pipe"])
def test_whatever_holds_bytes_is_answered_by_bytes(make_model: MakeModel, scene, tmp_path, kind):
    colour = Colorizer(make_model(offset=(3, 4)))
    data = png(scene)
    (tmp_path / "scene.png").write_bytes(data)
    file = io.BytesIO(data)
    file.seek(0, io.SEEK_END)  # as one leaves it who has just written it
    with (tmp_path / "scene.png").open("rb") as opened:

        class Pipe(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                return opened.read(size)

        held = {
            "bytearray": bytearray(data),
            "memoryview": memoryview(data),
            "BytesIO": file,
            "file": opened,
            "pipe": Pipe(),
        }[kind]
        done = colour.colorize(held)
    assert type(done) is bytes
    assert done == colour.colorize(data)


def test_an_open_file_serves_for_all_questions(make_model: MakeModel, scene):
    able = Colorizer(make_model(hints=0.1, tells=("logits", "features")))
    data = png(scene)
    assert able.palette(io.BytesIO(data), 3, 4) == able.palette(data, 3, 4)
    assert able.sample_hints(io.BytesIO(data), 2) == able.sample_hints(data, 2)
    assert (able.uncertainty(io.BytesIO(data)) == able.uncertainty(data)).all()
    colours = png(np.dstack([scene, scene // 2, scene[::-1]]))
    assert able.hints_from_reference(
        io.BytesIO(data), bytearray(colours)
    ) == able.hints_from_reference(data, colours)


def test_what_holds_no_bytes_is_said(make_model: MakeModel, tmp_path):
    colour = Colorizer(make_model())
    (tmp_path / "text").write_text("a photo")
    with (
        (tmp_path / "text").open() as text,
        pytest.raises(BadPhoto, match="open it in binary mode, 'rb'"),
    ):
        colour.colorize(text)
    with (
        (tmp_path / "new").open("wb") as new,
        pytest.raises(BadPhoto, match="open it for reading"),
    ):
        colour.colorize(new)
    with pytest.raises(BadPhoto, match="cannot be read"):
        colour.colorize(new)  # by now it is closed
    for nothing in (None, 7, [[1, 2]]):
        with pytest.raises(BadPhoto, match=f"A {type(nothing).__name__} is no photo: give a path"):
            colour.colorize(nothing)


def test_folders_for_the_output_are_made(make_model: MakeModel, scene, tmp_path):
    colour = Colorizer(make_model())
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


class Mine(Colorizer):
    """Somebody's own."""


def test_a_colorizer_survives_pickle_and_copy(make_model: MakeModel, scene, monkeypatch):
    path = make_model("mine", offset=(3, 4))
    monkeypatch.chdir(path.parent)
    colour = Mine(path.name, threads=1, device="cpu")
    monkeypatch.chdir("/")  # another process may stand in another folder
    for again in (pickle.loads(pickle.dumps(colour)), copy.deepcopy(colour)):
        assert type(again) is Mine
        assert again.model.path.samefile(path)
        assert again._again.keywords == {"threads": 1, "device": "cpu"}
        np.testing.assert_array_equal(again.colorize(scene), colour.colorize(scene))
    monkeypatch.setattr(onnx_model, "WEIGHTS", path.parent)
    monkeypatch.setattr(colorizer, "WEIGHTS", path.parent)
    assert Colorizer("mine")._again.args == ("mine",)  # the name, wherever it lies there


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
        ((50, 70), 100, (100, 140)),  # enlarged, to what the network knows
        ((100, 1000), 100, (40, 400)),  # the long side is capped
        ((10, 6000), 256, (2, 1024)),
        ((1, 1), 256, (256, 256)),
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
    monkeypatch.setattr(onnx_model, "WEIGHTS", tmp_path)
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


# --- hints ------------------------------------------------------------------------------------


@pytest.fixture(params=[0.1, 0], ids=["takes hints", "takes none"])
def painter(make_model: MakeModel, request) -> Colorizer:
    """Made to tell everything, with hints for an input or without."""
    return Colorizer(make_model(hints=request.param, tells=("logits", "features")))


def ab_at(rgb: np.ndarray, x: float, y: float) -> np.ndarray:
    return color.rgb_to_lab(rgb[int(y), int(x)] / 255.0, axis=-1)[1:]


def tones(height: int, width: int) -> np.ndarray:
    """Two tones, of which sRGB has colours enough, side by side."""
    grey = np.full((height, width), 110, np.uint8)
    grey[:, width // 2 :] = 170
    return grey


@pytest.mark.parametrize("size", [(40, 60), (301, 403), (900, 1200)])
def test_a_hint_is_met_in_the_photo(painter: Colorizer, size):
    grey = tones(*size)
    given = [
        Hint(0.2 * size[1], 0.3 * size[0], (30.0, 25.0)),
        Hint(0.8 * size[1], 0.7 * size[0], (-25.0, 20.0)),
    ]
    coloured = painter.colorize(grey, hints=given, size=256)
    for hint in given:
        np.testing.assert_allclose(ab_at(coloured, hint.x, hint.y), hint.ab, atol=5)
    assert np.abs(levels(coloured) - grey).max() <= 1


def test_a_hint_is_met_by_a_model_that_tells_only_ab(make_model: MakeModel):
    coloured = Colorizer(make_model()).colorize(tones(300, 400), hints=[Hint(50, 60, (-20, 15))])
    np.testing.assert_allclose(ab_at(coloured, 50, 60), [-20, 15], atol=5)


def test_hints_reach_a_model_as_planes(make_model: MakeModel):
    colour = Colorizer(make_model(hints=True))
    colour.model._session = spy = Spy(colour.model._session)
    colour.colorize(np.full((64, 96), 128, np.uint8), hints=[Hint(10, 20, (30, -20))], size=64)
    assert spy.seen[0]["hints"][0, :, 20, 10].tolist() == [30, -20, 1]
    assert spy.seen[0]["hints"][0, 2].sum() == 25


def test_hints_come_from_a_file_of_a_photo_of_any_size(painter: Colorizer, tmp_path: Path):
    given = [Hint(30, 40, "olive"), Hint(10.5, 50, (5.0, 6.0))]
    hint_files.write_hints(given, tmp_path / "hints.json", (60, 80))
    grey = tones(160, 120)
    twice = [Hint(2 * hint.x, 2 * hint.y, hint.color) for hint in given]
    expected = painter.colorize(grey, hints=twice)
    for path in (tmp_path / "hints.json", str(tmp_path / "hints.json")):
        assert (painter.colorize(grey, hints=path) == expected).all()
    assert (painter.colorize(grey) != expected).any()


def test_two_colours_at_one_point_are_refused_wherever_hints_come_from(painter: Colorizer):
    photo, two = np.full((9, 9), 128, np.uint8), [Hint(3, 4, "red"), Hint(3, 4, "blue")]
    for ask in (
        lambda: painter.colorize(photo, hints=two),
        lambda: painter.palette(photo, 1, 1, hints=two),
        lambda: painter.sample_hints(photo, 2, hints=two),
        lambda: painter.uncertainty(photo, hints=two),
    ):
        with pytest.raises(BadOption, match="x = 3, y = 4 has two colours, red and blue"):
            ask()


def test_hints_outside_the_photo_are_refused(painter: Colorizer):
    grey = np.full((40, 60), 128, np.uint8)
    for call in (
        lambda **given: painter.colorize(grey, **given),
        lambda **given: painter.palette(grey, 1, 1, **given),
        lambda **given: painter.sample_hints(grey, 1, **given),
        lambda **given: painter.uncertainty(grey, **given),
    ):
        with pytest.raises(BadOption, match="outside the photo, which is 60 pixels wide and 40"):
            call(hints=[Hint(70, 20, "red")])


def test_paint_brings_spots_to_the_networks_size(painter: Colorizer):
    L = np.full((300, 400), 50, np.float32)
    ab = painter.predict_ab(L, np.array([[150.5, 100.5, 30, 20]]), size=64)
    assert ab.shape == (2, 300, 400)
    np.testing.assert_allclose(ab[:, 150, 100], [30, 20], atol=5)
    np.testing.assert_allclose(painter.predict_ab(L)[:, 0, 0], [20, -30], atol=1e-3)


# --- ab in cells ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(48, 64), (61, 47), (3, 5)])
def test_ab_told_in_cells_is_refined_whatever_the_size(make_model: MakeModel, shape):
    L = np.broadcast_to(np.linspace(20, 80, shape[1], dtype=np.float32), shape)
    given = {"slope": (0.5, -0.25), "offset": (3, 4)}
    plain, coarse = (
        Colorizer(make_model(name, tells=tells, **given)).predict_ab(L, size=max(32, min(shape)))
        for name, tells in (("plain", ()), ("cells", ("coarse",)))
    )
    np.testing.assert_allclose(coarse[:, :, 2:-2], plain[:, :, 2:-2], atol=1)
    np.testing.assert_allclose(coarse, plain, atol=3)  # outermost, a cell mirrors what is beyond


def test_ab_is_not_asked_of_a_model_that_tells_it_in_cells(make_model: MakeModel):
    colour = Colorizer(make_model(tells=("coarse",)))
    colour.model._session = spy = Spy(colour.model._session)
    colour.predict_ab(np.full((48, 64), 50, np.float32))
    assert spy.asked == [["coarse"]]


def test_a_hint_is_met_between_cells(make_model: MakeModel):
    colour = Colorizer(make_model(hints=0.1, tells=("coarse", "logits")))
    for x in (50.2, 51.4, 52.5, 53.9):
        coloured = colour.colorize(tones(96, 130), hints=[Hint(x, 40, (-20, 15))], size=96)
        np.testing.assert_allclose(ab_at(coloured, x, 40), [-20, 15], atol=5)


# --- quality ----------------------------------------------------------------------------------


def test_the_best_is_the_mean_of_both_sides_at_three_sizes(make_model: MakeModel):
    colour = Colorizer(make_model(hints=True))
    colour.model._session = spy = Spy(colour.model._session)
    photo = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (96, 1))
    colour.colorize(photo, hints=[Hint(10, 20, (30, -20))], size=96, quality="best")
    seen = [(inputs["L"][0, 0], inputs["hints"][0, 2]) for inputs in spy.seen]
    shapes = [(96, 128), (96, 128), (96, 128), (96, 128), (128, 160), (128, 160)]
    assert [L.shape for L, _ in seen] == shapes  # 96, 80 and 112, padded
    widths = 120, 120, 100, 100, 140, 140
    mirrored = [bool(L[0, 0] > L[0, width - 1]) for (L, _), width in zip(seen, widths, strict=True)]
    assert sorted(mirrored) == [False, False, False, True, True, True]
    for (_, mask), width, turned in zip(seen, widths, mirrored, strict=True):
        x = int(10 * width / 120)
        assert mask[:, :width].sum() == 25
        assert mask[int(20 * width / 120), width - 1 - x if turned else x] == 1


def test_a_hint_is_met_at_the_best(painter: Colorizer):
    for x, y in ((30, 40), (80.5, 10), (120, 90)):
        given = [Hint(x, y, (-20, 15))]
        coloured = painter.colorize(tones(96, 130), hints=given, size=64, quality="best")
        np.testing.assert_allclose(ab_at(coloured, x, y), [-20, 15], atol=5)


@pytest.mark.parametrize("tells", [(), ("coarse",)])
def test_looks_that_agree_are_as_good_as_one(make_model: MakeModel, tells):
    colour = Colorizer(make_model(slope=(0.3, -0.2), tells=tells))
    L = np.broadcast_to(np.linspace(30, 70, 90, dtype=np.float32), (61, 90))
    best = colour.predict_ab(L, size=61, quality="best")
    np.testing.assert_allclose(best, colour.predict_ab(L, size=61), atol=1)


def test_there_are_two_qualities(make_model: MakeModel, scene: np.ndarray):
    colour = Colorizer(make_model())
    for strength in (0, 1):
        with pytest.raises(BadOption, match=r"quality is good: take best or fast\."):
            colour.colorize(scene, strength=strength, quality="good")


# --- palette ----------------------------------------------------------------------------------


def test_a_palette_holds_the_likely_colours_of_a_point(painter: Colorizer):
    swatches = painter.palette(tones(60, 90), 20, 30)
    assert 2 <= len(swatches) <= 6
    shares = [swatch.probability for swatch in swatches]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    L = color.grey_to_lightness(np.array(110 / 255.0))
    for swatch in swatches:
        rgb = np.array([int(swatch.color[i : i + 2], 16) for i in (1, 3, 5)])
        np.testing.assert_allclose(color.rgb_to_lab(rgb / 255, axis=0), [L, *swatch.ab], atol=1.5)
        assert Hint(20, 30, swatch.color).ab == pytest.approx(swatch.ab, abs=1.5)


def test_a_palette_is_that_of_its_point(make_model: MakeModel):
    colour = Colorizer(make_model(tells=("logits",)))
    grey = np.full((64, 64), 20, np.uint8)
    grey[32:, 32:] = 230
    dark, light = colour.palette(grey, 0, 0), colour.palette(grey, 64, 64)
    assert dark[0].probability < light[0].probability  # the toy is the surer the lighter
    assert colour.palette(grey, 31.9, 31.9) == dark
    assert colour.palette(grey, 32.1, 32.1) == light


def test_hints_change_a_palette(make_model: MakeModel):
    colour, grey = Colorizer(make_model(hints=True, tells=("logits",))), tones(60, 90)
    before = colour.palette(grey, 20, 30)
    after = colour.palette(grey, 20, 30, hints=[Hint(20, 30, (25, 20))])
    assert before[0].probability < 0.5 < after[0].probability
    np.testing.assert_allclose(after[0].ab, [25, 20], atol=3)


def test_a_longer_palette_begins_with_the_shorter(painter: Colorizer):
    photo = tones(40, 60)
    whole = painter.palette(photo, 20, 30, most=64)
    assert len(whole) > 3
    for most in range(1, len(whole)):
        assert painter.palette(photo, 20, 30, most=most) == whole[:most]


def test_a_palette_has_at_most_so_many(painter: Colorizer):
    grey = tones(60, 90)
    assert len(painter.palette(grey, 20, 30, most=1)) == 1
    for most in (0, 65):
        with pytest.raises(BadOption, match=f"most is {most}: give a number from 1 to 64"):
            painter.palette(grey, 20, 30, most=most)
    with pytest.raises(BadOption, match="outside the photo"):
        painter.palette(grey, 91, 30)


# --- versions ---------------------------------------------------------------------------------


def test_versions_are_the_seeds(painter: Colorizer):
    grey = tones(120, 160)
    first = painter.sample_hints(grey, 4, seed=1)
    assert len(set(first)) > 1
    assert painter.sample_hints(grey, 4, seed=1) == first
    assert painter.sample_hints(grey, 2, seed=1) == first[:2]
    assert painter.sample_hints(grey, 4, seed=2) != first


def test_versions_begin_with_what_is_given(painter: Colorizer, tmp_path: Path):
    given = (Hint(20, 30, "olive"), Hint(100, 90, (10.0, 5.0)))
    hint_files.write_hints(given, tmp_path / "hints.json")
    grey = tones(120, 160)
    versions = painter.sample_hints(grey, 3, hints=given)
    for version in versions:
        assert version[:2] == given
        assert len(version) > 2
        for hint in version:
            assert 0 <= hint.x <= 160
            assert 0 <= hint.y <= 120
    assert painter.sample_hints(grey, 3, hints=tmp_path / "hints.json") == versions


def test_how_many_versions_there_may_be(painter: Colorizer):
    for k in (0, -1, 65):
        with pytest.raises(BadOption, match=f"k is {k}: give a number from 1 to 64"):
            painter.sample_hints(tones(40, 40), k)
    with pytest.raises(BadOption, match="seed is -1: give a number from 0"):
        painter.sample_hints(tones(40, 40), 1, seed=-1)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 31)])
def test_small_photos_have_versions_and_palettes_too(painter: Colorizer, size):
    grey = np.full(size, 128, np.uint8)
    (version,) = painter.sample_hints(grey, 1)
    assert painter.colorize(grey, hints=version).shape == (*size, 3)
    assert painter.palette(grey, size[1], size[0], hints=version)
    assert painter.uncertainty(grey).shape == size


# --- uncertainty ------------------------------------------------------------------------------


def test_uncertainty_is_in_bits_at_the_photos_size(make_model: MakeModel):
    colour, grey = Colorizer(make_model(hints=True, tells=("logits",))), tones(300, 500)
    bits = colour.uncertainty(grey)
    assert (bits.shape, bits.dtype) == ((300, 500), np.float32)
    assert 0 < bits.min() <= bits.max() <= np.log2(6) + 1e-3
    hinted = colour.uncertainty(grey, hints=[Hint(100, 100, (25, 20))])
    assert hinted[100, 100] < bits[100, 100] - 0.3
    assert hinted[290, 490] == bits[290, 490]


# --- a reference ------------------------------------------------------------------------------


@pytest.fixture
def reference() -> np.ndarray:
    """Green below, blue above, of every lightness between."""
    L = np.linspace(30, 75, 64 * 96).reshape(96, 64).T[::-1]
    ab = np.where(np.arange(64)[:, None, None] < 32, (0, -20), (-20, 20))  # (64, 1, 2)
    lab = np.concatenate([L[..., None], np.broadcast_to(ab, (64, 96, 2))], -1)
    return np.rint(np.clip(color.lab_to_rgb(lab, axis=-1), 0, 1) * 255).astype(np.uint8)


def grey_of(rgb: np.ndarray) -> np.ndarray:
    return np.rint(levels(rgb)).astype(np.uint8)


def test_what_is_seen_in_both_takes_its_colour(painter: Colorizer, reference: np.ndarray):
    borrowed = painter.hints_from_reference(grey_of(reference), reference)
    assert len(borrowed) > 10
    off = []
    for hint in borrowed:
        assert 0 <= hint.x <= 96
        assert 0 <= hint.y <= 64
        off.append(np.abs(ab_at(reference, hint.x, hint.y) - hint.ab).max())
    assert np.median(off) < 3


def test_colours_of_a_reference_and_hints_go_together(
    painter: Colorizer, reference: np.ndarray, tmp_path: Path
):
    grey, hint = grey_of(reference), Hint(48, 16, (25.0, 0.0))
    truth = color.rgb_to_lab(reference / 255.0, axis=-1)
    off = [
        np.abs(color.rgb_to_lab(coloured / 255.0, axis=-1) - truth).mean()
        for coloured in (painter.colorize(grey, reference=reference), painter.colorize(grey))
    ]
    assert off[0] < off[1] / 2
    borrowed = painter.hints_from_reference(grey, reference)
    hint_files.write_hints([hint], tmp_path / "hints.json")
    both = painter.colorize(grey, reference=png(reference), hints=tmp_path / "hints.json")
    assert (both == painter.colorize(grey, hints=[hint, *borrowed])).all()


def test_a_reference_is_never_written_over(painter: Colorizer, reference, tmp_path: Path):
    photo, colours = tmp_path / "photo.png", tmp_path / "colours.png"
    photo.write_bytes(png(grey_of(reference)))
    colours.write_bytes(png(reference))
    with pytest.raises(CannotWrite, match=r"colours\.png is the photo itself"):
        painter.colorize(photo, reference=colours, output=colours, force=True)
    assert colours.read_bytes() == png(reference)
    assert painter.colorize(photo, reference=colours) == tmp_path / "photo.color.png"


def test_a_reference_without_colour_is_refused(painter: Colorizer):
    grey = tones(40, 60)
    with pytest.raises(BadOption, match="The reference has no colour: give a photo that has"):
        painter.hints_from_reference(grey, grey)


# --- what a model does not tell ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda toy, photo: toy.palette(photo, 1, 1), "toy tells no distribution over colours"),
        (lambda toy, photo: toy.sample_hints(photo, 2), "toy tells no distribution over colours"),
        (lambda toy, photo: toy.uncertainty(photo), "toy tells no distribution over colours"),
        (lambda toy, photo: toy.hints_from_reference(photo, photo), "toy tells no features"),
    ],
    ids=["palette", "samples", "uncertainty", "reference"],
)
def test_what_a_model_does_not_tell_is_said(make_model: MakeModel, ask, words):
    photo = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    with pytest.raises(BadOption, match=words + ".*: use a model that does"):
        ask(Colorizer(make_model()), photo)


# --- pages, and what the result says of itself ------------------------------------------------


def test_every_page_of_bytes_and_paths(toy_pages, make_model, tmp_path):
    colorizer = Colorizer(make_model(offset=(30, 0), metadata={"name": "toy", "version": "3"}))
    assert colorizer.name == "toy 3"
    pages = list(read_pages(colorizer.colorize(toy_pages)))
    assert [np.ptp(page.pixels, axis=2).max() > 10 for page in pages] == [True, True]
    (tmp_path / "scan.tif").write_bytes(toy_pages)
    written = colorizer.colorize(tmp_path / "scan.tif")
    assert [page.pictures for page in read_pages(written)] == [2, 2]
    note = f"photochrom {photochrom.__version__}, model toy 3"
    assert all(note.encode() in page.xmp for page in read_pages(written))
    with pytest.raises(BadOption, match="Hints are for one page, and there are 2"):
        colorizer.colorize(toy_pages, hints=[Hint(1, 1, (5, 5))])


@pytest.fixture
def toy_pages(scene) -> bytes:
    return encode_photo([read_photo(scene), read_photo(255 - scene)], "TIFF")


def test_strip_and_mark(make_model, scene):
    colorizer = Colorizer(make_model())
    source = encode_photo(Photo(scene, exif=dump({315: "Ansel"})), "JPEG")

    def tags(**options) -> dict:
        return load(read_photo(colorizer.colorize(source, **options)).exif)

    tool = f"photochrom {photochrom.__version__}"
    assert tags() == {315: "Ansel", 305: tool, 11: tool}
    assert tags(strip=True) == {305: tool, 11: tool}
    assert tags(mark=False) == tags(strength=0) == {315: "Ansel"}
    assert tags(strip=True, mark=False) == {}
