"""The benchmarks that compare models: what they print is what they say."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageChops

from photochrom import Colorizer, color
from photochrom.inference.options import ColorizeOptions

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(
    not BENCHMARKS.is_dir(), reason="the benchmarks are in the repository"
)


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)  # as where Python runs a script
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two, of random patches of colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    patches = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    for number, small in enumerate(patches):
        large = small.repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(large).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def measure(monkeypatch, tmp_path: Path) -> Callable[..., dict[str, dict[str, str]]]:
    """The table that a benchmark makes."""

    def measure(name: str, *options: object) -> dict[str, dict[str, str]]:
        out = tmp_path / "figures.json"
        monkeypatch.setattr(sys, "argv", [name, *map(str, options), "--json", str(out)])
        load(name).main()
        text = out.read_text("utf-8")
        assert "photos/" not in text
        return json.loads(text)

    return measure


def test_film_leaves_grey_alone_and_is_blind_to_red_until_it_is_not():
    pytest.importorskip("torch")
    film = load("film")
    rgb = np.full((3, 2, 1), 0.5, np.float32)
    rgb[:, 1, 0] = 0.8, 0.1, 0.1
    seen = film.lightness_by_film(rgb)
    assert list(seen) == [film.TRUE, *film.FILMS]
    assert [plane[0, 0] for plane in seen.values()] == pytest.approx([53.39] * 5, abs=0.01)
    true, blue, ortho, panchromatic, yellow = (float(plane[1, 0]) for plane in seen.values())
    assert blue < ortho < true < panchromatic < yellow


def test_film_no_colour_is_as_far_off_as_grey_and_models_stand_side_by_side(
    make_model, photos, measure
):
    pytest.importorskip("torch")
    models = [make_model("none", offset=(0, 0)), make_model("some", offset=(30, 0))]
    table = measure("film", "--data", photos, "--models", *models)
    assert len(table) == 5
    assert table["true L"]["ΔL"] == "0.0"
    for row in table.values():
        assert row["photos"] == 2
        assert row["none"] == "1.000"
        assert row["none, 95 %"] == "1.000 to 1.000"
        assert row["some"] != row["none"]
        # Held against the model that is as far off as grey, photo by photo.
        shares, against = row["some, 95 %"].split(" to "), row["some, against the first"]
        expected = [f"{float(share) - 1:+.3f}" for share in shares]
        assert against.split(" to ") == expected


def test_palette_counts_what_is_offered(make_model, photos, measure):
    model = make_model("toy", offset=(20, 0), tells=("logits",))
    table = measure("palette", "--data", photos, "--old", photos, "--most", 1, "--models", model)
    names = ["palette", "likeliest", "present colour"]
    assert list(table) == [f"toy, {n}{where}" for where in ("", ", old photos") for n in names]
    assert [row["places"] for row in table.values()] == [5] * 3 + [10] * 3
    first, _, present = (float(table[f"toy, {name}"]["truth within 12 ab"]) for name in names)
    assert first >= present  # which is one of them
    assert float(table["toy, palette"]["at least"]) > 9
    assert table["toy, present colour"]["grey first"] == "0.00"
    assert table["toy, palette, old photos"]["truth within 12 ab"] == "–"


def test_locality_a_hint_that_is_kept_to_its_pixel_reaches_nothing(make_model, photos, measure):
    models = [make_model("kept", offset=(0, 0), hints=1)]
    table = measure("locality", "--data", photos, "--old", photos, "--most", 1, "--models", *models)
    sets = ["samples", "held out", "old photos"]
    assert list(table) == [f"kept{way}: {name}" for way in ("", ", alone") for name in sets]
    for name, row in table.items():
        assert row["hints"] == (36 if "samples" in name else 2)
        assert float(row["missed"]) < 1.5
        # True hints bring it nearer to the truth; where there is none, nothing is said.
        if "held out" in name:
            assert 0 < float(row["+1"]) < float(row["+100"])
        else:
            assert row["+1"] == "–"
        if "alone" in name:
            assert row["far"] == "0.000"
            assert float(row["spill"]) < 0.1  # the square that stands for a hint


def test_locality_a_hint_that_dyes_the_photo_moves_all_far_pixels():
    locality = load("locality")

    def dye(_, L, spots):
        return np.zeros((2, *L.shape), np.float32) + spots[:, 2:].sum(0)[:, None, None]

    colorizer = SimpleNamespace(model=SimpleNamespace(outputs={"ab"}))
    L = np.full((64, 64), 50, np.float32)
    L[:, 32:] = 80
    far, follows, spill, wish, missed = locality.measure(colorizer, dye, (L, (32, 24), (45, 30)))
    assert (far, follows, missed) == (1, 1, pytest.approx(0, abs=1e-4))
    assert spill == pytest.approx(1, abs=1e-4)
    assert wish == pytest.approx(np.hypot(45, 30), abs=1)
    assert locality.measure(colorizer, dye, (L, (32, 24), (9, 9))) is None  # it is likely


def test_versions_are_told_beside_the_dial(make_model, photos, measure):
    pytest.importorskip("torch")
    model = make_model("drawn", hints=0.1, tells=("logits", "features"))
    table = measure("versions", "--data", photos, "--timed", 1, "--model", model)
    assert list(table) == ["truth", "grey", "versions"]
    truth, grey, drawn = table.values()
    assert (truth["colourfulness"], truth["within regions"]) == ("1.00", "1.00")
    assert (grey["colourfulness"], grey["within regions"]) == ("0.00", "0.00")
    assert grey["best of 8"] == grey["apart, ab"] == grey["s for 4"] == ""
    each, four, eight = (float(drawn[head]) for head in ("PSNR, dB", "best of 4", "best of 8"))
    assert eight >= max(each, four)
    assert float(drawn["apart, ab"]) > 0
    assert float(drawn["s for 4"]) > 0
    assert float(drawn["colourfulness"]) > 0


def test_within_regions_colour_varies_about_their_means():
    pytest.importorskip("torch")
    versions = load("versions")
    regions = np.array([[0, 0, 1, 1]], np.int32)
    ab = np.array([[[0, 6, 50, 50]], [[0, 8, 50, 50]]], np.float32)
    assert versions.vary_within(ab, regions) == pytest.approx((25 + 25 + 0 + 0) / 4)
    larger = ab.repeat(2, 1).repeat(2, 2)
    assert versions.vary_within(larger, regions) == pytest.approx((25 + 25 + 0 + 0) / 4)


def test_reference_itself_gives_back_its_colours(make_model, measure, tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(2):
        rng = np.random.default_rng(seed)
        hues, tones = rng.integers(60, 256, (3, 3, 3)), rng.integers(100, 256, (40, 40))
        smooth, rough = (
            Image.fromarray(levels.astype(np.uint8)).resize((512, 512), Image.Resampling.BICUBIC)
            for levels in (hues, tones)
        )
        ImageChops.multiply(smooth, rough.convert("RGB")).save(folder / f"{seed}.png")
    model = make_model("able", hints=0.1, tells=("logits", "features"))
    table = measure("reference", "--data", folder, "--model", model)
    assert list(table) == ["itself", "another frame", "overlapping half", "another photo"]
    for row in ("itself", "another frame"):
        assert float(table[row]["gain, dB"]) > 3
        assert int(table[row]["hints"]) > 200
    assert int(table["overlapping half"]["hints"]) < int(table["itself"]["hints"])


def test_models_of_one_name_are_told_apart(make_model):
    common = load("common")
    same = {"metadata": {"name": "net", "version": "1"}}
    models = [str(make_model(name, **same)) for name in ("a", "b", "c")]
    assert list(common.load_models(models)) == ["net 1", *models[1:]]


def test_quality_tells_what_best_gains_beyond_being_paler():
    quality = load("quality")

    def row(name: str, psnr: float, color: float) -> SimpleNamespace:
        known = {"psnr_mean": psnr, "colorfulness_ratio": color, "milliseconds": 10}
        return SimpleNamespace(row=name, **known)

    summary = [row("pale", 24.0, 0.4), row("more", 23.0, 0.6), row("best", 23.8, 0.5)]
    rows = {row.row: [SimpleNamespace(psnr=row.psnr_mean)] * 2 for row in summary}
    results = SimpleNamespace(summary=summary, rows=rows)
    told = quality.compared(results, "more", "best")
    assert (told["gain"], told["95 % interval"]) == ("+0.80", "+0.80 to +0.80")
    # Halfway between the others in colour, where fast would have 23.5 dB.
    assert quality.at_equal_colour(results, ["more", "pale"], "best") == "+0.30"


def test_quality_of_a_model_that_says_the_same_whatever_the_size(make_model, photos, measure):
    model = make_model("toy", offset=(10, 5), vivid=[], metadata={"default_vivid": "0"})
    table = measure("quality", "--data", photos, "--model", model)
    assert list(table) == ["vivid 0", "vivid 0.5", "vivid 0, 10 hints"]
    for name in ("vivid 0", "vivid 0.5"):
        assert table[name]["gain"] == "+0.00"


def test_sizes_of_a_model_that_says_the_same_at_every_size(make_model, photos, measure):
    asked = ["--data", photos, "--model", make_model(), "--sizes", 32, 64]
    table = measure("sizes", *asked)
    assert list(table) == ["grey", "constant", "32 px", "64 px"]
    first, second = (table[f"{size} px"] for size in (32, 64))
    del first["ms"], second["ms"]
    assert first == second
    assert first["PSNR, dB"] != table["grey"]["PSNR, dB"]
    low, high = (float(end) for end in first["95 % interval"].split("–"))
    assert low <= float(first["PSNR, dB"]) <= high


@pytest.fixture(scope="module")
def dial() -> ModuleType:
    return load("dial")


def tinted(a: float, b: float) -> np.ndarray:
    """Pixels (256, 256, 3) from dark to light, all of one ab."""
    lab = np.empty((3, 256, 256), np.float32)
    lab[0], lab[1], lab[2] = np.linspace(40, 60, 256), a, b
    return np.rint(color.lab_to_rgb(lab).transpose(1, 2, 0) * 255).astype(np.uint8)


def test_dial_the_strength_that_makes_half_the_colour_whole_is_two(dial):
    rgb = tinted(16, 12).transpose(2, 0, 1)
    photo = dial.Photo("", rgb, color.rgb_to_lab(rgb.astype(np.float32) / 255))
    half = [np.float16(photo.lab[1:] / 2)]
    assert dial.colour_share([photo], half, 2) == pytest.approx(1, abs=0.01)
    strength = dial.find_strength([photo], half, 1)
    assert strength == pytest.approx(2, abs=0.02)
    figures = dial.measure([photo], half, strength)
    assert figures.psnr[0] > 45
    assert figures.squared[0] < 0.5
    # What has no colour gets none, however strong.
    assert dial.find_strength([photo], [half[0] * 0], 1) == dial.MOST_STRENGTH


def test_dial_what_a_row_is_over_the_dial_is_told_photo_by_photo(dial):
    rgb = tinted(16, 12).transpose(2, 0, 1)
    photos = [dial.Photo("", rgb, color.rgb_to_lab(rgb.astype(np.float32) / 255))] * 2
    one = dial.Figures(np.array([20.0, 30.0]), np.array([400.0, 400.0]), np.ones(2))
    other = dial.Figures(np.array([21.0, 31.0]), np.array([100.0, 100.0]), np.ones(2))
    told = dial.told(other, one, photos)
    assert told["PSNR, dB"] == "26.00"
    assert told["over the dial"] == "+1.00 (+1.00 to +1.00)"
    assert float(told["ab error"]) == pytest.approx(10 / 20, abs=0.01)
    low, high = told["error over the dial's"].split(" to ")
    assert low == high == "-0.500"
    assert dial.told(one, one, photos)["over the dial"] == ""


def test_dial_all_rows_are_as_colourful_and_each_folder_is_told(
    dial, make_model, measure, tmp_path
):
    for folder, ab in (("one", (15.5, 15.5)), ("two", (20.5, 20.5))):
        (tmp_path / folder).mkdir()
        Image.fromarray(tinted(*ab)).save(tmp_path / folder / "photo.png")
    # It answers 15 + vivid for a and for b.
    model = make_model(offset=(15, 15), vivid=[], metadata={"default_vivid": "0"})
    asked = ("--data", tmp_path / "one", tmp_path / "two", "--models", model)
    table = measure("dial", *asked)
    assert list(table) == ["the dial", *(f"vivid {v:g}" for v in dial.VIVIDS)]
    for row in table.values():
        assert (row["photos"], row["one: photos"]) == ("2", "1")
        for share in (0.75, 1):
            for head in ("", "one: ", "two: "):
                told = float(row[f"{head}colourfulness, {share:.2f}"])
                assert told == pytest.approx(share, abs=0.01)
    # ab of 15.5 is what vivid 0.5 answers; 20.5 and three quarters lie beyond the dial's ends.
    vivid = table["the dial"]["one: at, 1.00"].removeprefix("vivid ")
    assert float(vivid) == pytest.approx(0.5, abs=0.1)
    for head, ab, end in (("one: at, 0.75", 0.75 * 15.5, 0), ("two: at, 1.00", 20.5, 1)):
        setting, strength = table["the dial"][head].split(" × ")
        assert setting == f"vivid {end:.2f}"
        assert float(strength) == pytest.approx(ab / (15 + end), abs=0.03)


def test_dial_a_model_without_a_dial_is_refused(dial, make_model, monkeypatch, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    Image.fromarray(tinted(5, 5)).save(tmp_path / "one" / "photo.png")
    asked = ["--data", tmp_path / "one", "--models", make_model()]
    monkeypatch.setattr(sys, "argv", ["dial", *map(str, asked)])
    with pytest.raises(SystemExit):
        dial.main()
    assert "has no dial" in capsys.readouterr().err


@pytest.fixture(scope="module")
def clips() -> ModuleType:
    return load("clips")


def test_clips_a_camera_sees_the_photo_where_it_looks(clips):
    photo = np.zeros((40, 90, 3), np.float32)
    photo[..., 0], photo[..., 1] = np.arange(90), np.arange(40)[:, None]
    whole = clips.look(photo, 0.5, 0.5, 1, (40, 90))
    assert np.abs(whole - photo).max() < 1e-3
    right = clips.look(photo, 1, 0, 0.5, (20, 45))
    assert np.abs(right - photo[:20, 45:]).max() < 1e-3
    near = clips.look(photo, 0, 1, 0.5, (40, 90))
    assert near[-1, 0, :2] == pytest.approx([0, 39], abs=0.3)
    assert near[20, 40, :2] == pytest.approx([19.75, 29.75], abs=0.3)


def test_clips_are_the_same_every_time_and_cuts_are_where_they_are_said_to_be(clips):
    frames = list(clips.cuts((24, 32)))
    assert len(frames) == clips.CUTS[-1]
    assert all(np.array_equal(a, b) for a, b in zip(frames, clips.cuts((24, 32)), strict=True))
    changes = [np.abs(a - b.astype(float)).mean() for a, b in pairwise(frames)]
    largest = sorted(np.argsort(changes)[-4:] + 1)
    assert largest == list(clips.CUTS[1:-1])


def test_clips_what_enters_was_not_there_and_goes(clips):
    frames = list(clips.enter((48, 64)))
    first, middle, last = (frames[t].astype(float) for t in (0, 45, 89))
    assert np.abs(first - last).mean() < 4  # grain
    assert np.abs(first - middle).mean() > 20


def test_clips_a_film_holds_the_luma_of_its_frames(clips, tmp_path):
    av = pytest.importorskip("av")
    frames = list(islice(clips.pan((48, 64)), 3))
    grey = [clips.to_grey(frame) for frame in frames]
    clips.write_film(tmp_path / "a.mkv", grey, sound=True, crf=0)
    with av.open(str(tmp_path / "a.mkv")) as film:
        assert {stream.type for stream in film.streams} == {"video", "audio"}
        luma = [f.reformat(format="gray8").to_ndarray() for f in film.decode(video=0)]
    assert len(luma) == 3
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(luma, grey, strict=True))


@pytest.fixture(scope="module")
def video() -> ModuleType:
    return load("video")


def test_video_a_model_that_always_says_the_same_does_not_flicker(make_model, video):
    colorizer = Colorizer(str(make_model(offset=(12, 9))))
    frames = [np.full((48, 64, 3), 128, np.uint8) + np.uint8(t) for t in range(8)]
    clip = video.Clip("still", frames, (0,))
    figures = video.measure(clip, colorizer, ColorizeOptions())
    assert list(figures) == ["grey", "frame by frame", "ours"]
    grey, by_frame, ours = figures.values()
    assert (grey.flicker, grey.chroma) == (0, 0)
    assert grey.psnr > 45  # the clip was grey
    for found in (by_frame, ours):
        assert found.chroma == pytest.approx(15, abs=0.1)
        assert found.flicker == pytest.approx(0, abs=0.01)
        assert found.psnr == pytest.approx(20 * np.log10(255 / 20), abs=3)


def test_video_tells_shares_of_frame_by_frame_and_of_grey_and_which_goals_are_missed(video):
    one = video.Figures(0, 0, 0.001, 20), video.Figures(0.9, 10, 0.003, 24)
    good, bad = video.Figures(0.27, 9.8, 0.0011, 24), video.Figures(0.45, 9, 0.002, 24)
    rows = ("grey", *video.METHODS)
    table = video.summarize({"a": dict(zip(rows, (*one, good), strict=True))}, "clips")
    assert table["clips: ours"]["of frame by frame"] == "0.30"
    assert table["clips: ours"]["chroma, of frame by frame"] == "0.980"
    assert table["clips: ours"]["CDC, of grey"] == "1.10"
    assert video.find_missed(table) == []
    both = {
        name: dict(zip(rows, (*one, of), strict=True)) for name, of in (("a", good), ("b", bad))
    }
    table = video.summarize(both, "clips")
    assert table["clips: ours"]["flicker"] == "0.360"  # a mean over clips
    assert len(video.find_missed(table)) == 3
    told = video.tell_clips(both)
    assert (told["b"]["share"], told["b"]["chroma kept"]) == ("0.50", "0.900")


def test_video_files_drift_is_the_most_that_a_frame_or_sound_is_off(tmp_path):
    av = pytest.importorskip("av")
    files = load("video_files")
    film, late = tmp_path / "film.mp4", tmp_path / "late.mp4"
    files.write_hour(film, 5)
    with av.open(str(film)) as source, av.open(str(late), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        shown = 0
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                shown += 1
                packet.pts += round(0.04 / packet.time_base) if shown == 3 else 0
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    assert files.find_drift(film, film) == 0
    assert files.find_drift(film, late) == pytest.approx(40, abs=0.1)


@pytest.mark.slow
def test_video_files_tells_what_a_run_of_the_command_took(make_model, tmp_path):
    pytest.importorskip("av")
    files = load("video_files")
    film = tmp_path / "film.mp4"
    files.write_hour(film, 5)
    ballast = np.ones(1 << 27)  # 1 GB that is not the command's
    seconds, memory, result = files.color(film, str(make_model()))
    assert ballast[-1] == 1
    assert seconds > 0
    assert 40 < memory < 1000
    assert len(files.find_times(result)["video"]) == 5


def test_blind_sheets_show_the_second_model_where_the_key_says_and_count_it(
    monkeypatch, photos, tmp_path
):
    blind, out, judge = load("blind"), tmp_path / "sheets", tmp_path / "judge.txt"

    def run(*options: object) -> None:
        monkeypatch.setattr(sys, "argv", ["blind", *map(str, options)])
        blind.main()

    run("sheets", out, photos, "--models", "hintnet", "hintnet", "--vivid", "0", "1", "--seed", "1")
    key = {
        int(i): side for i, (_, side) in json.loads((out / "key.json").read_text())["key"].items()
    }
    assert set(key) == {1, 2}
    assert set(key.values()) == {"left", "right"}
    lab = color.rgb_to_lab(
        np.asarray(Image.open(out / "001.png"), np.float32).transpose(2, 0, 1) / 255
    )
    quarters = np.array_split(np.hypot(*lab[1:]), 4, axis=1)
    shown = ["left" if a.mean() > b.mean() else "right" for a, b in (quarters[:2], quarters[2:])]
    assert shown == [key[1], key[2]]

    for words, preferred in [
        (key, "1.00"),
        ({1: key[1], 2: key[1]}, "0.50"),
        ({2: "same"}, "0.50"),
    ]:
        judge.write_text("".join(f"{i} {side}\n" for i, side in words.items()))
        run("count", out, judge, "--json", tmp_path / "count.json")
        row = json.loads((tmp_path / "count.json").read_text())["judge"]
        assert (row["photos"], row["preferred"]) == (str(len(words)), preferred)
