"""What the API answers when all is well."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from album import WEAK, halves, picture, pixels, send
from PIL import Image

from photochrom import color
from photochrom.image import encoding, metadata, photo_file, reader, tone
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages
from photochrom.image.writer import encode_photo
from photochrom.inference import flow
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.onnx_model import Model
from photochrom.web import photo_store

SPOT, FAR = (100, 150), (300, 150)
"""x and y, on the dark half and on the bright one."""
RED = "#c03020"


def ab(rgb: np.ndarray, x: float, y: float) -> np.ndarray:
    """Of the pixels around a place."""
    near = rgb[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5, :3].reshape(-1, 3) / 255
    return color.rgb_to_lab(near, axis=1)[:, 1:].mean(axis=0)


def hint(x, y, colour=RED):
    return {"x": x, "y": y, "color": colour}


def noted(content: bytes) -> bool:
    """Whether a file says that it was colorized."""
    return b"photochrom" in content


# --- facts ------------------------------------------------------------------------------------


def test_health_says_what_goes_on(client):
    told = client.get("/api/health").json()
    assert told["status"] == "ok"
    assert (told["working"], told["waiting"]) == (0, 0)


def test_models_come_with_what_they_can_do_the_default_first(client):
    for _ in range(2):
        models = client.get("/api/models").json()["models"]
        assert models[0] == {
            "name": "toy", "version": "", "default": True, "hints": True, "distribution": True,
            "size": 48, "vivid": 0.3,
        }  # fmt: skip
        assert "hintnet" in [model["name"] for model in models[1:]]


def test_the_page_its_files_and_its_samples_are_served(client):
    assert "<html" in client.get("/").text
    names = [sample["name"] for sample in client.get("/api/samples-photos").json()["photos"]]
    assert names
    for name in names:
        assert pixels(client.get(f"/static/samples/{name}")).size


def test_the_api_is_described_and_loads_nothing_from_elsewhere(client):
    described = client.get("/api/openapi.json").json()
    assert "/api/photos/{id}/colorize" in described["paths"]
    for path in described["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert "503" in operation["responses"]
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


# --- photos that are kept ---------------------------------------------------------------------


def test_a_photo_is_kept_and_told_of(client):
    told = send(client, picture(halves(2000, 1000)), "C:\\album\\garden.png")
    assert told["name"] == "garden.png"
    assert (told["width"], told["height"], told["pages"]) == (2000, 1000, 1)
    assert told["tone"] == "grey"
    assert told["preview"] == {"width": 1280, "height": 640}
    assert told["expires_in"] == 1800
    assert len(told["id"]) >= 24
    assert client.get(f"/api/photos/{told['id']}").json() == told
    assert client.delete(f"/api/photos/{told['id']}").status_code == 204
    gone = client.get(f"/api/photos/{told['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "expired")


def test_a_photo_in_colour_can_be_kept_and_seen_as_it_came_and_in_grey(client):
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:, :40], rgb[:, 40:] = (200, 40, 30), (40, 60, 190)
    told = send(client, picture(rgb))
    assert told["tone"] == "colour"
    original = pixels(client.get(f"/api/photos/{told['id']}/original"))
    assert np.abs(original[30, 20].astype(int) - rgb[30, 20]).max() < 12
    grey = pixels(client.get(f"/api/photos/{told['id']}/grey"))
    assert np.ptp(grey.astype(int), axis=2).max() <= 2


def test_a_preview_is_coloured_and_a_hint_changes_its_place_alone(house, make_model):
    client = house(model=make_model("sure", offset=WEAK, hints=0.5))
    key = send(client, picture(halves()))["id"]
    plain = pixels(client.post(f"/api/photos/{key}/colorize", json={}))
    assert plain.shape == (300, 400, 3)
    assert np.allclose(ab(plain, *SPOT), WEAK, atol=2)
    asked = {"hints": [hint(*SPOT)]}
    hinted = pixels(client.post(f"/api/photos/{key}/colorize", json=asked))
    moved = [np.hypot(*(ab(hinted, *place) - ab(plain, *place))) for place in (SPOT, FAR)]
    assert moved[0] > 40
    assert moved[1] < 8  # all of a photo shares its light, a little
    lightness = [color.rgb_to_lab(p / 255.0, axis=-1)[..., 0] for p in (plain, hinted)]
    assert np.abs(lightness[0] - lightness[1]).mean() < 1


def test_hints_are_in_pixels_of_the_photo_and_a_preview_is_the_result_made_small(client):
    key = send(client, picture(halves(1600, 1200)))["id"]
    asked = {"vivid": 0, "hints": [hint(400, 600), hint(1200, 600, [10, -25])]}
    preview = pixels(client.post(f"/api/photos/{key}/colorize", json=asked))
    whole = client.post(f"/api/photos/{key}/colorize", json=asked | {"full": True})
    assert preview.shape == (960, 1280, 3)
    assert pixels(whole).shape == (1200, 1600, 3)
    small = np.asarray(Image.fromarray(pixels(whole)).resize((1280, 960), Image.Resampling.BOX))
    assert np.abs(small.astype(float) - preview).mean() < 3
    assert np.abs(ab(small, 320, 480) - ab(preview, 320, 480)).max() < 3
    assert ab(preview, 960, 480)[1] < -8


def test_strength_and_vivid_are_dials(client):
    key = send(client, picture(halves()))["id"]

    def at(**dials):
        return ab(pixels(client.post(f"/api/photos/{key}/colorize", json=dials)), *SPOT)

    assert np.allclose(at(strength=0), 0, atol=1)
    assert np.allclose(at(strength=0.5, vivid=0), np.array(WEAK) / 2, atol=1.5)
    assert np.allclose(at(vivid=1) - at(vivid=0), 1, atol=0.8)


def test_a_preview_can_be_smaller(client):
    key = send(client, picture(halves()))["id"]
    small = pixels(client.post(f"/api/photos/{key}/colorize", json={"side": 100}))
    assert small.shape == (75, 100, 3)


def test_the_palette_tells_likely_colours_of_a_point(client):
    key = send(client, picture(halves()))["id"]
    told = client.post(f"/api/photos/{key}/palette", json={"x": 400, "y": 300, "most": 4}).json()
    assert 70 < told["lightness"] < 90
    colours = told["colors"]
    assert 1 < len(colours) <= 4
    chances = [colour["probability"] for colour in colours]
    assert chances == sorted(chances, reverse=True)
    assert all(len(colour["color"]) == 7 and len(colour["ab"]) == 2 for colour in colours)


def test_other_versions_are_hints_that_give_other_colours(client):
    key = send(client, picture(halves()))["id"]
    asked = {"k": 3, "seed": 7, "hints": [hint(*SPOT)]}
    versions = client.post(f"/api/photos/{key}/samples", json=asked).json()["versions"]
    assert versions == client.post(f"/api/photos/{key}/samples", json=asked).json()["versions"]
    assert len(versions) == 3
    seen = set()
    for version in versions:
        assert [version["hints"][0][axis] for axis in "xy"] == pytest.approx(SPOT, abs=1)
        answer = client.post(f"/api/photos/{key}/colorize", json=version | {"side": 100})
        seen.add(pixels(answer).tobytes())
    assert len(seen) > 1


def test_uncertainty_lies_over_the_preview(client):
    key = send(client, picture(halves()))["id"]
    answer = client.post(f"/api/photos/{key}/uncertainty", json={})
    assert answer.headers["content-type"] == "image/png"
    assert pixels(answer).shape == (300, 400, 4)


def test_before_and_after_are_one_picture(client):
    key = send(client, picture(halves(1600, 1200)), "garden.tif")["id"]
    answer = client.post(f"/api/photos/{key}/comparison", json={"vivid": 0})
    pair = pixels(answer)
    assert pair.shape == (768, 2048, 3)
    assert np.allclose(ab(pair, 256, 384), 0, atol=1.5)
    assert np.allclose(ab(pair, 1280, 384), WEAK, atol=2)
    assert "garden.before-after.jpg" in answer.headers["content-disposition"]


# --- whole photos -----------------------------------------------------------------------------


def test_a_photo_is_coloured_in_one_request(client):
    data = picture(halves())
    form = {"hints": json.dumps([hint(*SPOT)]), "vivid": "0", "strength": "1", "size": "48"}
    answer = client.post("/api/colorize", files={"photo": ("über uns.png", data)}, data=form)
    assert answer.headers["content-type"] == "image/png"
    assert "filename*=UTF-8''%C3%BCber%20uns.color.png" in answer.headers["content-disposition"]
    assert ab(pixels(answer), *SPOT)[0] > 40
    assert noted(answer.content)
    asked = {"photo": ("a.png", data)}
    assert not noted(client.post("/api/colorize", files=asked, data={"mark": "false"}).content)


@pytest.mark.usefixtures("at_home")
def test_the_quality_is_that_of_whole_photos(client, monkeypatch):
    asked, render = [], Colorizer.render

    def spied(self, photo, options):
        asked.append(options.quality)
        return render(self, photo, options)

    monkeypatch.setattr(Colorizer, "render", spied)
    key = send(client, picture(halves()))["id"]
    files = {"photo": ("a.png", picture(halves()))}
    for best in ({}, {"quality": "best"}):
        assert client.post("/api/colorize", files=files, data=best).status_code == 200
        full = client.post(f"/api/photos/{key}/colorize", json=best | {"full": True})
        assert full.status_code == 200
    assert asked == ["fast", "fast", "best", "best"]
    good = {"quality": "good"}
    assert client.post("/api/colorize", files=files, data=good).status_code == 422


def test_a_hint_file_of_another_size_is_brought_to_the_photos(client):
    file = {"size": [200, 150], "hints": [hint(50, 75)]}
    answers = [
        client.post(
            "/api/colorize",
            files={"photo": ("a.png", picture(halves()))},
            data={"hints": json.dumps(hints), "vivid": "0"},
        )
        for hints in (file, [hint(100, 150)])
    ]
    assert np.array_equal(*map(pixels, answers))


def test_what_is_in_colour_is_coloured_only_if_asked_for(client):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    rgb[:, :40] = (200, 40, 30)
    files = {"photo": ("a.png", picture(rgb))}
    refused = client.post("/api/colorize", files=files)
    assert (refused.status_code, refused.json()["code"]) == (409, "in-colour")
    recoloured = client.post("/api/colorize", files=files, data={"recolor": "true", "vivid": "0"})
    assert np.allclose(ab(pixels(recoloured), 20, 30), WEAK, atol=2)


@pytest.mark.parametrize("kept", [True, False])
def test_a_16_bit_tiff_comes_back_with_all_its_bits_and_pages(client, kept):
    first = np.linspace(0, 65535, 60 * 80).reshape(60, 80).astype(np.uint16)
    pages = [Photo(page, dpi=(300, 300)) for page in (first, first[::-1])]
    data = encode_photo(pages, "TIFF")
    if kept:
        told = send(client, data, "scan.tif")
        assert told["pages"] == 2
        answer = client.post(f"/api/photos/{told['id']}/colorize", json={"full": True})
    else:
        answer = client.post("/api/colorize", files={"photo": ("scan.tif", data)})
    assert answer.headers["content-type"] == "image/tiff"
    assert 'filename="scan.color.tif"' in answer.headers["content-disposition"]
    done = list(read_pages(answer.content))
    assert len(done) == 2
    for page, grey in zip(done, pages, strict=True):
        assert page.pixels.shape == (60, 80, 3)
        assert page.pixels.dtype == np.uint16
        assert page.dpi == pytest.approx((300, 300))
        assert np.abs(page.lightness() - grey.lightness()).max() < 0.2
        assert np.ptp(page.pixels[30].astype(int), axis=1).max() > 1000


def test_a_jpeg_comes_back_upright_with_its_metadata_unless_stripped(client):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Box Camera", 6  # Make; turned by a quarter
    data = picture(halves(320, 240), "JPEG", exif=exif, dpi=(72, 72), quality=95)
    told = send(client, data, "old.jpg")
    assert (told["width"], told["height"]) == (240, 320)
    for strip in (False, True):
        answer = client.post(
            f"/api/photos/{told['id']}/colorize", json={"full": True, "strip": strip}
        )
        assert answer.headers["content-type"] == "image/jpeg"
        image = Image.open(io.BytesIO(answer.content))
        assert image.size == (240, 320)
        assert image.getexif().get(0x010F) == (None if strip else "Box Camera")
        assert image.getexif().get(0x0112, 1) == 1
        assert noted(answer.content)


def test_a_format_that_cannot_be_written_becomes_png(client):
    data = picture(halves(), "GIF")
    answer = client.post("/api/colorize", files={"photo": ("a.gif", data)})
    assert answer.headers["content-type"] == "image/png"
    assert 'filename="a.color.png"' in answer.headers["content-disposition"]


# --- a photo that provokes what nobody has foreseen ---------------------------------------------


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (photo_file, "open_file"), (reader, "decode_file"), (metadata, "read_metadata"),
        (tone, "measure_tone"), (Model, "run"), (flow, "fit_to_format"), (encoding, "encode_pages"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("at_home")
def test_whatever_a_photo_provokes_is_answered_in_a_sentence(
    client, monkeypatch, caplog, place, name
):
    def broken(*_: object, **__: object) -> None:
        raise kind("grandmother in Kiel, 1931")

    monkeypatch.setattr(place, name, broken)
    for kind in (RuntimeError, IndexError, RecursionError):
        answer = client.post("/api/colorize", files={"photo": picture(halves())})
        assert (answer.status_code, answer.json()["code"]) == (422, "failed")
        assert kind.__name__ in answer.json()["detail"]
        assert kind.__name__ in caplog.text
        assert "Kiel" not in answer.text + caplog.text


@pytest.mark.usefixtures("at_home")
def test_what_a_kept_photo_provokes_is_answered_in_a_sentence(client, monkeypatch):
    key = send(client, picture(halves()))["id"]

    def broken(*_: object, **__: object) -> None:
        raise IndexError

    monkeypatch.setattr(Model, "run", broken)
    point = {"x": 1, "y": 1}
    for path, asked in (
        ("colorize", {}), ("colorize", {"full": True}), ("comparison", {}), ("palette", point),
        ("samples", {}), ("uncertainty", {}),
    ):  # fmt: skip
        answer = client.post(f"/api/photos/{key}/{path}", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "failed"), path
    monkeypatch.setattr(photo_store, "measure_tone", broken)
    answer = client.post("/api/photos", files={"photo": picture(halves())})
    assert (answer.status_code, answer.json()["code"]) == (422, "failed")
    assert client.get("/api/health").json()["working"] == 0


@pytest.mark.usefixtures("at_home")
def test_what_was_left_out_is_told_in_a_header_and_of_a_photo_that_is_kept(client, monkeypatch):
    made = reader._build_photo

    def noting(*given: object) -> Photo:
        return replace(made(*given), notes=("its größe is damaged\r\nand was left out", "odd"))

    monkeypatch.setattr(reader, "_build_photo", noting)
    answer = client.post("/api/colorize", files={"photo": picture(halves())})
    told = unquote(answer.headers["x-photochrom-notes"])
    assert told == "its größe is damaged\r\nand was left out; odd"
    assert send(client, picture(halves()))["notes"] == told.split("; ")
