"""What the API answers when all is well, and when a photo provokes what nobody has foreseen."""

from __future__ import annotations

import io
import json
import mimetypes
from dataclasses import fields, replace
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import pytest
from pictures import TOY_AB, decode, encode, halves, refused, send
from PIL import Image

import commands
from photochrom import color
from photochrom.image import encoding, metadata, photo_file, reader, tone
from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from photochrom.inference import pipeline
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint
from photochrom.inference.onnx_model import Model
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.resemblance import Place
from photochrom.web import photo_store, schemas

SPOT, FAR = (100, 150), (300, 150)
"""x and y, on the dark half and on the bright one."""


def ab(rgb: np.ndarray, x: float, y: float) -> np.ndarray:
    """Of the pixels around a place."""
    near = rgb[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5, :3].reshape(-1, 3) / 255
    return color.rgb_to_lab(near, axis=1)[:, 1:].mean(axis=0)


def hint(x, y, color="#c03020"):
    return {"x": x, "y": y, "color": color}


@pytest.fixture
def ask(client):
    """Asks something about a photo that is kept: one of two halves, sent once."""
    key = []

    def ask(what: str, photo: bytes | None = None, name: str = "garden.png", **wanted: object):
        if not key or photo is not None:
            key[:] = [send(client, encode(halves()) if photo is None else photo, name)["id"]]
        return client.post(f"/api/photos/{key[0]}/{what}", json=wanted)

    return ask


# --- facts ------------------------------------------------------------------------------------


def test_models_come_with_what_they_can_do_the_default_first(client):
    for _ in range(2):
        models = client.get("/api/models").json()["models"]
        assert models[0] == {
            "name": "toy", "version": "", "default": True, "hints": True, "distribution": True,
            "size": 48, "vivid": 0.3,
        }  # fmt: skip
        assert "hintnet" in [model["name"] for model in models[1:]]


def test_page_its_files_and_its_samples_are_served(client):
    assert "<html" in client.get("/").text
    names = [sample["name"] for sample in client.get("/api/samples-photos").json()["photos"]]
    assert names
    for name in names:
        assert decode(client.get(f"/static/samples/{name}")).size


def test_api_is_described_and_loads_nothing_from_elsewhere(client):
    described = client.get("/api/openapi.json").json()
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert all(one["description"] and "503" in one["responses"] for one in operations)
    form = described["paths"]["/api/colorize"]["post"]["requestBody"]["content"]
    assert list(form) == ["multipart/form-data"]
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_form_has_the_fields_of_the_options():
    options = {field.name for field in fields(ColorizeOptions)}
    assert schemas.ColorizeForm.model_fields.keys() == options - {"reference", "chroma_from"} | {
        "photo",
        "model",
    }


# --- photos that are kept ---------------------------------------------------------------------


def test_photo_is_kept_and_told_of(client):
    told = send(client, encode(halves(2000, 1000)), "C:\\album\\garden.png")
    path = f"/api/photos/{told['id']}"
    assert told == {
        "id": told["id"], "name": "garden.png", "width": 2000, "height": 1000, "pages": 1,
        "format": "PNG", "tone": "grey", "preview": {"width": 1280, "height": 640},
        "expires_in": 1800, "notes": [],
    }  # fmt: skip
    assert client.get(path).json() == told
    assert client.delete(path).status_code == 204
    assert refused(client.get(path)) == (404, "expired")


def test_photo_in_colour_is_seen_as_it_came_and_in_grey(client):
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:, :40], rgb[:, 40:] = (200, 40, 30), (40, 60, 190)
    told = send(client, encode(rgb))
    assert told["tone"] == "colour"
    original = decode(client.get(f"/api/photos/{told['id']}/original"))
    assert np.abs(original[30, 20].astype(int) - rgb[30, 20]).max() < 12
    grey = decode(client.get(f"/api/photos/{told['id']}/grey"))
    assert grey.shape == (60, 80)


def test_hints_are_in_pixels_of_the_photo_and_a_preview_is_the_result_made_small(ask):
    asked = {"vivid": 0, "hints": [hint(400, 600), hint(1200, 600, [10, -25])]}
    preview = decode(ask("colorize", encode(halves(1600, 1200)), **asked))
    whole = decode(ask("colorize", **asked, full=True))
    assert (preview.shape, whole.shape) == ((960, 1280, 3), (1200, 1600, 3))
    small = np.asarray(Image.fromarray(whole).resize((1280, 960), Image.Resampling.BOX))
    assert np.abs(small.astype(float) - preview).mean() < 3
    assert np.abs(ab(small, 320, 480) - ab(preview, 320, 480)).max() < 3
    assert ab(preview, 960, 480)[1] < -8


def test_strength_vivid_and_side_are_obeyed(ask):
    def at(**dials):
        return ab(decode(ask("colorize", **dials)), *SPOT)

    assert np.allclose(at(strength=0), 0, atol=1)
    assert np.allclose(at(strength=0.5, vivid=0), np.array(TOY_AB) / 2, atol=1.5)
    assert np.allclose(at(vivid=1) - at(vivid=0), 1, atol=0.8)
    assert decode(ask("colorize", side=100)).shape == (75, 100, 3)


def test_palette_tells_the_present_colour_and_likely_ones_by_name(ask, client):
    told = ask("palette", x=400, y=300, most=4, vivid=0).json()
    assert 70 < told["lightness"] < 90
    assert np.allclose(told["keep"]["ab"], TOY_AB, atol=2)
    assert 1 < len(told["colors"]) <= 4
    names = client.get("/api/color-names").json()
    assert names["dark olive green"] == "#556b2f"
    for swatch in (told["keep"], *told["colors"]):
        assert set(swatch) == {"color", "ab", "probability", "name"}
        assert swatch["name"] in names
        assert Hint(1, 1, swatch["color"]).ab == pytest.approx(swatch["ab"], abs=1.5)
    given = ask("palette", x=400, y=300, hints=[hint(400, 300, [12, 18])]).json()
    assert np.allclose(given["keep"]["ab"], [12, 18], atol=3)


def test_samples_are_hints_that_give_other_colours(ask):
    asked = {"k": 3, "seed": 7, "hints": [hint(*SPOT)]}
    versions = ask("samples", **asked).json()["versions"]
    assert versions == ask("samples", **asked).json()["versions"]
    assert len(versions) == 3
    seen = set()
    for version in versions:
        assert [version["hints"][0][axis] for axis in "xy"] == pytest.approx(SPOT, abs=1)
        seen.add(decode(ask("colorize", **version, side=100)).tobytes())
    assert len(seen) > 1


def test_reach_is_taken_and_given_back_where_it_is_not_the_normal_one(ask):
    given = [hint(*SPOT) | {"reach": "large"}, hint(10, 10)]
    kept = ask("samples", k=1, hints=given).json()["versions"][0]["hints"]
    assert [known.get("reach") for known in kept[:2]] == ["large", None]
    answer = ask("colorize", hints=[given[0] | {"reach": "huge"}])
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


@pytest.mark.usefixtures("in_process")
def test_unsure_places_are_in_pixels_of_the_photo(ask, monkeypatch):
    asked = []

    def unsure_places(self, photo, *, hints, most):
        asked.append((photo.pixels.shape, hints, most))
        return (Place(300, 200, 40), Place(100, 50, 10.5))

    monkeypatch.setattr(Colorizer, "unsure_places", unsure_places)
    photo = encode(halves(1600, 1200))
    answer = ask("unsure", photo, hints=[hint(400, 600)], most=3).json()
    assert answer == {
        "places": [{"x": 375, "y": 250, "radius": 50}, {"x": 125, "y": 62.5, "radius": 13.1}]
    }
    ((shape, (known,), most),) = asked
    assert (shape[:2], known.x, known.y, most) == ((960, 1280), 320, 480, 3)
    assert len(ask("unsure").json()["places"]) == 2
    assert ask("unsure", most=0).status_code == 422


def test_uncertainty_lies_over_the_preview(ask):
    answer = ask("uncertainty")
    assert answer.headers["content-type"] == "image/png"
    assert decode(answer).shape == (300, 400, 4)


def test_comparison_is_before_and_after_in_one_picture(ask):
    answer = ask("comparison", encode(halves(1600, 1200)), vivid=0)
    pair = decode(answer)
    assert pair.shape == (768, 2048, 3)
    assert np.allclose(ab(pair, 256, 384), 0, atol=1.5)
    assert np.allclose(ab(pair, 1280, 384), TOY_AB, atol=2)
    assert "garden.before-after.jpg" in answer.headers["content-disposition"]


# --- whole photos -----------------------------------------------------------------------------


@pytest.fixture
def colorize(client):
    """Colours a photo in one request."""

    def colorize(photo: bytes | None = None, name: str = "a.png", **form: str):
        files = {"photo": (name, encode(halves()) if photo is None else photo)}
        return client.post("/api/colorize", files=files, data=form)

    return colorize


EXIF = Image.Exif()
EXIF[0x010F], EXIF[0x0112] = "Box Camera", 6  # Make; turned by a quarter
DEEP = np.linspace(0, 65535, 60 * 80).reshape(60, 80).astype(np.uint16)
FILES = {
    "über uns.png": encode(halves()),
    "turned.jpg": encode(halves(320, 240), "JPEG", exif=EXIF, dpi=(72, 72)),
    "scan.tif": encode_photo([Photo(page, dpi=(300, 300)) for page in (DEEP, DEEP[::-1])], "TIFF"),
    "drawing.gif": encode(halves(), "GIF"),  # which cannot be written
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("name", "wanted", "flags"),
    [
        *[(name, {}, []) for name in FILES],
        ("turned.jpg", {"strip": True}, ["--strip"]), ("scan.tif", {"mark": False}, ["--no-mark"]),
        ("über uns.png", {"hints": [hint(*SPOT)], "vivid": 0, "strength": 0.5, "size": 64},
         ["--hints", "hints.json", "--vivid", "0", "--strength", "0.5", "--size", "64"]),
    ],
)  # fmt: skip
def test_file_is_coloured_as_on_the_command_line(
    ask, colorize, toy, tmp_path, monkeypatch, kept, name, wanted, flags
):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(FILES[name])
    Path("hints.json").write_text(json.dumps({"hints": [hint(*SPOT)]}))
    assert commands.run("colorize", name, "--model", toy, *flags) == 0
    (result,) = Path().glob("*.color.*")
    if kept:
        answer = ask("colorize", FILES[name], name, full=True, **wanted)
    else:
        form = {field: json.dumps(value) for field, value in wanted.items()}
        answer = colorize(FILES[name], name, **form, unknown="1")
    assert answer.content == result.read_bytes()
    assert quote(result.name) in answer.headers["content-disposition"]
    assert answer.headers["content-type"] == mimetypes.guess_type(result)[0]


@pytest.mark.parametrize("wanted", ["JPEG", "PNG"])
def test_whole_photo_comes_in_another_format_with_its_metadata(ask, wanted):
    exif = Image.Exif()
    exif[0x010F] = "Box Camera"
    scan = Photo(DEEP, dpi=(300, 300), exif=exif.tobytes()[6:])
    answer = ask("colorize", encode_photo(scan, "TIFF"), "scan.tif", full=True, format=wanted)
    suffix = {"JPEG": "jpg", "PNG": "png"}[wanted]
    assert f'"scan.color.{suffix}"' in answer.headers["content-disposition"]
    assert answer.headers["content-type"] == f"image/{wanted.lower()}"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == (wanted, DEEP.shape[::-1])
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.getexif()[0x010F] == "Box Camera"
    assert {answer.content[:4]} <= {b"\xff\xd8\xff\xe0", b"\x89PNG"}
    assert (answer.content[24] == 16) == (wanted == "PNG")  # of bits, which JPEG has not


def test_several_pages_keep_their_format_and_formats_are_two(client, ask):
    pages = FILES["scan.tif"]
    assert send(client, pages, "scan.tif")["format"] == "TIFF"
    assert send(client, FILES["drawing.gif"], "drawing.gif")["format"] == "PNG"
    refusal = ask("colorize", pages, "scan.tif", full=True, format="JPEG")
    assert refused(refusal) == (400, "bad-request")
    assert "2" in refusal.json()["detail"]
    assert ask("colorize", full=True, format="GIF").status_code == 422


def test_sentence_on_a_broken_file_leaves_out_what_only_the_command_line_can_do(client):
    for data in (encode(halves())[:9000], b"Dear all, this is no photo."):
        answer = client.post("/api/photos", files={"photo": ("a.png", data)})
        assert refused(answer) == (415, "not-an-image")
        sentence = answer.json()["detail"]
        assert sentence.startswith("This file ")
        assert "--" not in sentence


@pytest.mark.usefixtures("in_process")
def test_quality_is_that_of_whole_photos(ask, colorize, monkeypatch):
    asked, find_colors = [], Colorizer.find_colors

    def spied(self, photo, options):
        asked.append(options.quality)
        return find_colors(self, photo, options)

    monkeypatch.setattr(Colorizer, "find_colors", spied)
    for best in ({}, {"quality": "best"}):
        assert colorize(**best).status_code == 200
        assert ask("colorize", **best, full=True).status_code == 200
    assert asked == ["fast", "fast", "best", "best"]
    assert colorize(quality="good").status_code == 422


def test_hint_file_of_another_size_is_brought_to_the_photos(colorize):
    file = {"size": [200, 150], "hints": [hint(50, 75)]}
    answers = [colorize(hints=json.dumps(h), vivid="0") for h in (file, [hint(100, 150)])]
    assert np.array_equal(*map(decode, answers))


def test_what_is_in_colour_is_coloured_only_if_asked_for(colorize):
    rgb = np.full((60, 80, 3), (200, 40, 30), np.uint8)
    rgb[:, 40:] = (40, 60, 190)
    assert refused(colorize(encode(rgb))) == (409, "in-colour")
    recolored = colorize(encode(rgb), recolor="true", vivid="0")
    assert np.allclose(ab(decode(recolored), 20, 30), TOY_AB, atol=2)


# --- a photo that provokes what nobody has foreseen ---------------------------------------------


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (photo_file, "open_file"), (reader, "decode_file"), (metadata, "read_metadata"),
        (tone, "measure_tone"), (Model, "run"), (pipeline, "fit_to_format"),
        (encoding, "encode_pages"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("in_process")
def test_whatever_a_photo_provokes_is_answered_in_a_sentence(
    colorize, monkeypatch, caplog, place, name
):
    def broken(*_: object, **__: object) -> None:
        raise kind("grandmother in Kiel, 1931")

    monkeypatch.setattr(place, name, broken)
    for kind in (RuntimeError, IndexError, RecursionError):
        answer = colorize()
        assert refused(answer) == (422, "failed")
        assert kind.__name__ in answer.json()["detail"]
        assert kind.__name__ in caplog.text
        assert "Kiel" not in answer.text + caplog.text


@pytest.mark.usefixtures("in_process")
def test_what_a_kept_photo_provokes_is_answered_in_a_sentence(client, ask, monkeypatch, caplog):
    def broken(*_: object, **__: object) -> None:
        raise IndexError("grandmother in Kiel, 1931")

    assert ask("colorize").status_code == 200
    monkeypatch.setattr(Model, "run", broken)
    monkeypatch.setattr(photo_store, "measure_tone", broken)
    answers = [ask("colorize", vivid=0.7), ask("colorize", full=True, vivid=0.7)]
    answers += [ask("palette", x=1, y=1), ask("comparison", vivid=0.8)]
    answers += map(ask, ("samples", "uncertainty"))
    answers.append(client.post("/api/photos", files={"photo": encode(halves())}))
    assert [refused(answer) for answer in answers] == [(422, "failed")] * 7
    assert "Kiel" not in caplog.text + "".join(answer.text for answer in answers)
    assert client.get("/api/health").json()["working"] == 0


@pytest.mark.usefixtures("in_process")
def test_what_was_left_out_is_told_in_a_header_and_of_a_photo_that_is_kept(
    client, colorize, monkeypatch
):
    made = reader._build_photo

    def noting(*args: object) -> Photo:
        return replace(made(*args), notes=("its größe is damaged\r\nand was left out", "odd"))

    monkeypatch.setattr(reader, "_build_photo", noting)
    told = unquote(colorize().headers["x-photochrom-notes"])
    assert told == "its größe is damaged\r\nand was left out; odd"
    assert send(client)["notes"] == told.split("; ")
