"""Layers for image editors."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import run
from photochrom.errors import BadPhoto
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo
from pixels import png

SCENE = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8) * 2


def merge(data: bytes) -> np.ndarray:
    """The layers of a file laid over each other by the W3C's formulas, (H, W, 4) in 0..1.

    Compositing and Blending Level 1, 9.1.4 (source over) and 9.1.9 (source atop).
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        told = ET.fromstring(archive.read("stack.xml"))
        canvas = np.zeros((int(told.attrib["h"]), int(told.attrib["w"]), 4))
        for layer in reversed(told.findall("stack/layer")):
            photo = read_photo(archive.read(layer.attrib["src"]))
            pixels = photo.pixels if photo.pixels.ndim == 3 else np.dstack([photo.pixels] * 3)
            top = np.iinfo(pixels.dtype).max
            alpha = np.full(pixels.shape[:2], top) if photo.alpha is None else photo.alpha
            y, x = int(layer.attrib["y"]), int(layer.attrib["x"])
            source = np.zeros_like(canvas)
            source[y : y + len(pixels), x : x + pixels.shape[1]] = np.dstack([pixels, alpha]) / top
            over, under = source[..., 3:], canvas[..., 3:]
            beneath = canvas[..., :3] * under * (1 - over)
            if layer.attrib["composite-op"] == "svg:src-over":
                opacity, mixed = over + under * (1 - over), source[..., :3] * over + beneath
            else:
                assert layer.attrib["composite-op"] == "svg:src-atop"
                opacity, mixed = under, source[..., :3] * over * under + beneath
            canvas = np.concatenate([mixed / np.maximum(opacity, 1e-9), opacity], -1)
    return canvas


@pytest.fixture
def colored(make_model):
    """The file that a photo becomes, and the same photo coloured as PNG."""

    def color(photo: bytes, *more: str, folder: Path) -> tuple[bytes, Photo]:
        path = folder / "photo.png"
        path.write_bytes(photo)
        model = ["--model", make_model(offset=(20, -30))]
        for name in ("out.ora", "out.png"):
            assert run("colorize", path, "-o", folder / name, *model, *more) == 0
        return (folder / "out.ora").read_bytes(), read_photo(folder / "out.png")

    return color


def holes() -> np.ndarray:
    return np.dstack([SCENE, np.linspace(0, 255, SCENE.size).reshape(SCENE.shape).astype(np.uint8)])


def deep() -> bytes:
    file = io.BytesIO()
    Image.fromarray(SCENE.astype(np.uint16) * 257).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("photo", "more"),
    [(png(SCENE), ()), (png(holes()), ()), (deep(), ()), (png(np.tile(SCENE, 4)), ("--caption",))],
    ids=["grey", "transparent", "16 bits", "caption"],
)
def test_the_layers_make_the_result(colored, tmp_path, photo, more):
    data, result = colored(photo, *more, folder=tmp_path)
    top = np.iinfo(result.pixels.dtype).max
    merged = merge(data)
    alpha = np.ones(merged.shape[:2]) if result.alpha is None else result.alpha / top
    np.testing.assert_allclose(merged[..., 3], alpha, atol=2 / 255)
    seen = alpha > 0
    np.testing.assert_allclose(merged[seen][:, :3], result.pixels[seen] / top, atol=2 / 255)


def test_the_lower_layer_is_the_photo(colored, tmp_path):
    data, _ = colored(png(SCENE), folder=tmp_path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        below = read_photo(archive.read("data/original.png"))
    np.testing.assert_array_equal(below.pixels, SCENE)


def test_the_archive_is_as_the_format_asks(colored, tmp_path):
    data, _ = colored(png(np.tile(SCENE, (20, 20))), folder=tmp_path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        with Image.open(archive.open("Thumbnails/thumbnail.png")) as thumbnail:
            assert (thumbnail.size, thumbnail.mode) == ((256, 171), "RGB")


def test_it_is_read_as_the_picture_that_it_makes(colored, tmp_path):
    data, result = colored(png(SCENE), folder=tmp_path)
    (tmp_path / "again.ora").write_bytes(data)
    photo = read_photo(tmp_path / "again.ora")
    np.testing.assert_array_equal(photo.pixels, result.pixels)
    assert b"compositeWithTrainedAlgorithmicMedia" in photo.xmp


def test_the_same_command_again_finds_it_done(colored, tmp_path, capsys):
    colored(png(SCENE), folder=tmp_path)
    before = (tmp_path / "out.ora").read_bytes()
    capsys.readouterr()
    colored(png(SCENE), folder=tmp_path)
    assert (tmp_path / "out.ora").read_bytes() == before
    assert "out.ora is done already" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["without", "cut", "other"])
def test_damage_is_one_sentence(damage):
    data = encode_photo(Photo(np.zeros((4, 4, 3), np.uint8)), "ORA")
    if damage == "without":
        data = data.replace(b"mergedimage.png", b"mergedimagf.png")
    elif damage == "cut":
        data = data[: len(data) // 2]
    else:
        data = data.replace(b"\x89PNG", b"\x88PNG")
    with pytest.raises(BadPhoto):
        read_photo(data)
