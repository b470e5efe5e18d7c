from __future__ import annotations

import csv
import io
import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from photochrom.cli import main
from photochrom.data import cache, curate, look
from photochrom.data.curate import CurationLimits, Looks, decide, find_near_duplicates
from photochrom.data.look import Look
from photochrom.data.photo_source import PhotoSource
from photochrom.data.shards import find_sources
from photochrom.errors import BadData, BadOption, BadPhoto

SIDE = 240


def scene(seed: int, width: int = 360, height: int = SIDE) -> Image.Image:
    """Colourful, with detail of every size, as a photo is."""
    draw = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (4, 8, 16, 32, 64):
        noise = draw.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * 90 / cells**0.6
    return Image.fromarray(np.clip(128 + total, 0, 255).astype(np.uint8))


def saved(image: Image.Image, kind: str = "JPEG", **how) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def make_collage() -> Image.Image:
    page = Image.new("RGB", (360, 240), "white")
    page.paste(scene(5).resize((174, 240)), (0, 0))
    page.paste(scene(6).resize((174, 240)), (186, 0))
    return page


def make_map() -> Image.Image:
    page = Image.new("RGB", (360, 240), "#b5d9f0")
    draw = ImageDraw.Draw(page)
    draw.polygon([(20, 20), (200, 30), (160, 220), (30, 180)], fill="#f0eed0", outline="black")
    draw.ellipse((210, 90, 350, 230), fill="#d8b98a", outline="black")
    draw.text((60, 90), "INDIA", fill="black", font_size=30)
    return page


BAD = {
    "small": scene(1).resize((150, 100)),
    "grey": Image.blend(scene(2), scene(2).convert("L").convert("RGB"), 0.97),
    "toned": ImageOps.colorize(ImageOps.autocontrast(scene(3).convert("L")), "#1d1610", "#f2e6d2"),
    "bordered": ImageOps.expand(scene(4), 12, "#102030"),
    "parted": make_collage(),
    "graphic": make_map(),
}


@pytest.fixture
def folder(tmp_path, fill):
    """Five good photos, and a bad one for every reason."""
    images = {f"good{i}": scene(10 + i) for i in range(5)} | BAD
    photos = {f"{name}.jpg": saved(image, quality=92) for name, image in images.items()}
    photos["unreadable.jpg"] = saved(scene(7))[:-900]
    photos["duplicate.webp"] = saved(scene(10).resize((300, 200)), "WEBP", quality=60)
    return fill(tmp_path / "photos", photos)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main(["data", "curate", *map(str, arguments)])
    return int(ended.value.code or 0)


def dropped(out) -> dict[str, dict[str, str]]:
    with (out / "dropped.csv").open(newline="") as file:
        return {row["photo"].rpartition("/")[2]: row for row in csv.DictReader(file)}


def kept(out) -> list[str]:
    return (out / "kept.txt").read_text().splitlines()


def test_each_photo_is_dropped_for_its_own_reason(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(folder, "-o", out) == 0
    rows = dropped(out)
    assert {name.partition(".")[0] for name in rows} == {*BAD, "unreadable", "duplicate"}
    assert all(name.startswith(row["reason"]) for name, row in rows.items())
    assert rows["duplicate.webp"]["duplicate_of"] == f"{folder}/good0.jpg"
    assert rows["small.jpg"]["detail"] == "150 x 100"
    assert kept(out) == [f"{folder}/good{i}.jpg" for i in range(5)]
    for reason in [*BAD, "duplicate"]:
        assert Image.open(out / f"dropped-{reason}.jpg").size > (100, 100)
    said = capsys.readouterr()
    assert "1 dropped as toned: one weak hue, as sepia." in said.err
    assert "5 of 13 photos kept." in said.err
    assert said.out.strip() == str(out / "kept.txt")


def test_the_list_is_taken_for_the_photos(folder, tmp_path, pack_tar):
    out = tmp_path / "out"
    tar = pack_tar(tmp_path / "more.tar", {"a/x.jpg": saved(scene(90)), "bad.jpg": b"text"})
    assert run(folder, tar, "-o", out) == 0
    found = find_sources([out / "kept.txt"])
    assert [source.name for source in found] == kept(out)
    assert kept(out)[-1] == f"{tar}/a/x.jpg"
    assert found[-1].read() == saved(scene(90))
    assert len(cache.load([out / "kept.txt"], 32, tmp_path / "kept", quiet=True)) == 6
    (folder / "good3.jpg").unlink()
    with pytest.raises(BadData, match=r"lists .*good3\.jpg, which is not there"):
        find_sources([out / "kept.txt"])


def test_no_photo_near_to_a_test_photo_is_kept(folder, tmp_path, fill, pack_tar):
    near = scene(12).resize((500, 333))
    test = pack_tar(tmp_path / "test.tar", {"t.jpg": saved(near, quality=70)})
    mirrored = fill(tmp_path / "mirrored", {"m.png": saved(ImageOps.mirror(scene(13)), "PNG")})
    out = tmp_path / "out"
    assert run(folder, "-o", out, "--against", test, mirrored) == 0
    rows = dropped(out)
    leaks = [name for name, row in rows.items() if row["reason"] == "leak"]
    assert sorted(leaks) == ["good2.jpg", "good3.jpg"]
    assert rows["good2.jpg"]["duplicate_of"] == f"{test}/t.jpg"
    assert len(kept(out)) == 3


@pytest.mark.parametrize("how", ["--link", "--copy"])
def test_what_is_kept_can_be_gathered(folder, tmp_path, pack_tar, how, capsys):
    out = tmp_path / "out"
    tar = pack_tar(tmp_path / "more.tar", {"a/x.jpg": saved(scene(90))})
    for _ in range(2):
        assert run(folder, tar, "-o", out, how) == 0
        files = list((out / "kept").iterdir())
        kept_photos = [source.read() for source in find_sources([out / "kept.txt"])]
        assert sorted(file.read_bytes() for file in files) == sorted(kept_photos)
        assert sum(file.is_symlink() for file in files) == (5 if how == "--link" else 0)
    assert run(folder, "-o", out, how) == 1
    assert "kept holds photos that are not kept now: remove it" in capsys.readouterr().err


def test_photos_are_looked_at_once(folder, tmp_path, monkeypatch):
    out, count = tmp_path / "out", []
    taken = look.look
    monkeypatch.setattr(look, "look", lambda data: count.append(1) or taken(data))
    assert run(folder, "-o", out) == 0
    assert len(count) == 13
    assert run(folder, "-o", out, "--short", 230, "--jobs", 1) == 0
    assert len(count) == 13
    assert "bordered.jpg" in dropped(out)
    (folder / "good1.jpg").write_bytes(saved(scene(60)))
    (folder / "new.jpg").write_bytes(saved(scene(61)))
    lines = (out / "looks.jsonl").read_text()
    (out / "looks.jsonl").write_text(lines[:-20])  # as a process that was killed leaves it
    assert run(folder, "-o", out) == 0
    assert len(count) == 16
    monkeypatch.setattr(look, "VERSION", -1)
    assert run(folder, "-o", out) == 0
    assert len(count) == 30


def test_a_stop_loses_little(folder, tmp_path, monkeypatch):
    sources, seen = find_sources([folder]), []
    taken = curate._look

    def stopping(source):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(source)
        return taken(source)

    monkeypatch.setattr(curate, "_look", stopping)
    with pytest.raises(KeyboardInterrupt):
        list(Looks(tmp_path / "out").take(sources, 1))
    assert len(Looks(tmp_path / "out").known) == 5
    monkeypatch.setattr(curate, "_look", lambda s: seen.append(s) or taken(s))
    looks = list(Looks(tmp_path / "out").take(sources, 1))
    assert len(looks) == len(seen) == 13
    assert list(Looks(tmp_path / "out").known.values()) == looks  # as they were written


def test_bad_requests_have_a_sentence(folder, tmp_path, fill, capsys):
    other = fill(tmp_path / "other", {"letter.txt": b""})
    for arguments, code, words in [
        ([tmp_path / "no", "-o", tmp_path / "o"], 1, "no does not exist"),
        ([other, "-o", tmp_path / "o"], 1, "No photos in"),
        ([folder, "-o", other], 1, "other holds something else"),
        ([folder, "-o", other / "letter.txt"], 1, "is no folder"),
        ([folder, "-o", tmp_path / "o", "--link", "--copy"], 2, "choose one"),
        ([folder, "-o", tmp_path / "o", "--alike", 9], 2, "--alike is 9: give at most 7"),
        ([folder, "-o", tmp_path / "o", "--short", -1], 2, "--short is -1"),
        ([folder, "-o", tmp_path / "o", "--jobs", 0], 2, "--jobs is 0"),
        ([folder, "-o", tmp_path / "p", "--short", 9999], 1, "No photo is left"),
        ([folder, "-o", folder.parent], 1, "holds something else"),
    ]:
        assert run(*arguments) == code
        assert words in capsys.readouterr().err


def test_results_among_the_photos_are_no_photos(folder):
    out = folder / "clean"
    for _ in range(2):
        assert run(folder, "-o", out, "--copy") == 0
        assert len(kept(out)) == 5


# --- looking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_photo_looks_as_a_small_one(kind):
    seen = [look.look(saved(scene(1).resize((w, w * 2 // 3)), kind)) for w in (360, 900)]
    small, large = seen
    assert (large.width, large.height) == (900, 600)
    assert abs(small.saturation - large.saturation) < 5
    assert int(small.hash ^ large.hash).bit_count() <= 3
    assert large.tone == "colour"


def test_saturation_is_the_mean_of_hsv():
    flat = Image.new("HSV", (300, 200), (40, 77, 200)).convert("RGB")
    assert look.look(saved(flat, "PNG")).saturation == pytest.approx(77, abs=1.5)
    grey = look.look(saved(scene(1).convert("L")))
    assert (grey.saturation, grey.tone) == (0, "grey")


def test_a_photo_is_looked_at_upright():
    turned = Image.Exif()
    turned[0x0112] = 6
    seen = look.look(saved(scene(1), exif=turned))
    assert (seen.width, seen.height) == (240, 360)
    upright = look.look(saved(scene(1).rotate(-90, expand=True)))
    assert int(seen.hash ^ upright.hash).bit_count() <= 2


def test_what_cannot_be_read_says_why(bad):
    for data in bad.values():
        with pytest.raises(BadPhoto):
            look.look(data)
    for kind in ("CMYK", "I;16", "1", "P", "RGBA"):
        image = scene(1).convert("L").convert(kind) if kind == "I;16" else scene(1).convert(kind)
        assert look.look(saved(image, "TIFF")).width == 360


@pytest.mark.parametrize("width", [6, 20])
@pytest.mark.parametrize("colour", ["black", "white", "#aa3344"])
def test_a_frame_is_measured(colour, width):
    framed = np.asarray(ImageOps.expand(scene(1), width, colour))
    share = 1 - 360 * 240 / (framed.shape[0] * framed.shape[1])
    small = cv2.resize(framed, (256, 176), interpolation=cv2.INTER_AREA)
    assert look.measure_frame(small) == pytest.approx(share, abs=0.03)


def test_a_sky_is_no_frame_and_no_graphic():
    sky = np.asarray(scene(1)).copy()
    sky[:120] = np.linspace(150, 250, 120)[:, None, None] * np.array([0.5, 0.7, 1])
    assert look.measure_frame(sky) == look.measure_gutter(sky) == 0
    assert look.measure_graphic(sky) < 0.3


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 3), (40, 2), (5, 200)])
def test_any_size_can_be_looked_at(size):
    assert look.look(saved(Image.new("RGB", size, "#345678"), "PNG")).width == size[0]


# --- near-duplicates --------------------------------------------------------------------------


def bits(one: int, other: int) -> int:
    return int(one ^ other).bit_count()


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.lists(st.integers(0, 63), max_size=9)), max_size=20),
    st.integers(0, 7),
)
@settings(max_examples=40)
def test_the_search_finds_what_comparing_all_finds(seeds, changes, most):
    hashes = list(seeds)
    for which, flips in changes:
        hashes.append(hashes[which % len(seeds)] ^ sum(1 << b for b in set(flips)))
    expected = []
    for (i, one), (j, other) in itertools.combinations(enumerate(hashes), 2):
        near = min(bits(one, other), bits(one, other ^ look.MIRROR))
        expected += [(i, j, near)] * (near <= most)
    assert find_near_duplicates(np.array(hashes, np.uint64), most) == sorted(expected)


def test_many_equal_hashes_are_taken_in_parts():
    numbers = np.zeros(60, np.int64)
    pairs = list(curate._equal(numbers, numbers, np.arange(60), most=500))
    assert len(pairs) > 3
    assert len({(i, j) for a, b in pairs for i, j in zip(a, b, strict=True)}) == 3600
    assert find_near_duplicates(np.zeros(0, np.uint64), 6) == []


def test_copies_are_near_and_others_far():
    mine = [scene(seed) for seed in range(15)]
    hashes = [look.look(saved(image)).hash for image in mine]
    far = [bits(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(far) > 7
    for image, own in zip(mine, hashes, strict=True):
        copy = image.resize((200, 133)).point(lambda level: min(255, int(level * 1.1)))
        assert bits(look.look(saved(copy, quality=40)).hash, own) <= 6
        mirror = look.look(saved(ImageOps.mirror(image))).hash
        assert bits(mirror ^ look.MIRROR, own) <= 2


def test_of_duplicates_the_largest_is_kept_and_nothing_is_dropped_for_what_is_dropped():
    chain = [0, 0b111111, 0b111111111111]  # each near to the next, the ends far apart
    photos = [PhotoSource(f"{i}.jpg") for i in range(3)]
    looks = [Look(width=300, height=300, saturation=90, tone="colour", hash=h) for h in chain]
    middle = decide(photos, [looks[0], replace(looks[1], width=310), looks[2]], CurationLimits())
    assert [v.reason for v in middle] == ["duplicate", "", "duplicate"]
    first = decide(photos, looks, CurationLimits())
    assert [v.reason for v in first] == ["", "duplicate", ""]
    assert first[1].duplicate_of == "0.jpg"
    assert first[1].detail == "6 of 64 bits"
    assert not any(v.reason for v in decide(photos, looks, CurationLimits(alike=-1)))
    with pytest.raises(BadOption):
        CurationLimits(alike=8)
