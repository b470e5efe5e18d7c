"""A film's way in."""

from __future__ import annotations

import os
import re
import shlex
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

from films import make_film, moving_frames  # noqa: E402
from photochrom.errors import BadFilm, PhotochromError  # noqa: E402
from photochrom.video.film import Film, open_film  # noqa: E402
from photochrom.video.luma import find_raster, read_luma  # noqa: E402
from photochrom.video.raster import Raster  # noqa: E402
from spoil import spoiled  # noqa: E402

TOP = np.arange(64)[:, None] % 2 == 0
"""Rows of the top field."""


def lumas(film: Film) -> list[np.ndarray]:
    return [frame.luma for frame in film.frames()]


def test_luma_is_what_was_encoded(tmp_path):
    for pix_fmt, bits in [
        ("yuv420p", 8),
        ("gray", 8),
        ("yuv422p10le", 10),
        ("yuv444p10le", 10),
        ("gray10le", 10),
        ("yuv420p12le", 12),
        ("gray12le", 12),
    ]:
        given = moving_frames(3, height=35, width=49, bits=bits)
        film = open_film(make_film(tmp_path / "f.mkv", given, pix_fmt=pix_fmt))
        found = lumas(film)
        assert film.raster == Raster(
            height=35, width=49, bits=bits, full_range=pix_fmt.startswith("gray")
        )
        assert found[0].dtype == given[0].dtype
        np.testing.assert_array_equal(found, given, err_msg=pix_fmt)


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("nv12", 8), ("yuyv422", 8), ("p010le", 10), ("yuv420p10be", 10), ("y210le", 10)],
)
def test_luma_is_found_where_a_format_keeps_it(kind, bits):
    given = moving_frames(1, height=34, width=50, bits=bits)[0]
    planar = av.VideoFrame(50, 34, "yuv422p" if bits == 8 else "yuv422p10le")
    for plane in planar.planes:
        plane.update(np.full(plane.buffer_size // given.itemsize, 1 << (bits - 1), given.dtype))
    rows = np.frombuffer(planar.planes[0], given.dtype).reshape(34, -1)
    rows[:, :50] = given
    frame = planar.reformat(format=kind, threads=1)
    raster = find_raster(frame)
    assert raster == Raster(height=34, width=50, bits=bits, full_range=False)
    np.testing.assert_array_equal(read_luma(frame, raster), given)


@pytest.mark.parametrize("kind", ["rgb24", "bgra", "gbrp", "pal8"])
def test_luma_of_grey_rgb_is_that_grey(kind):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = av.VideoFrame.from_ndarray(np.dstack([ramp] * 3), format="rgb24")
    if kind == "pal8":
        palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        palette[:, 0] = 255
        frame = av.VideoFrame.from_ndarray((ramp, palette), format="pal8")
    else:
        frame = grey.reformat(format=kind, threads=1)
    raster = find_raster(frame)
    assert (raster.bits, raster.full_range) == (8, True)
    np.testing.assert_array_equal(read_luma(frame, raster), ramp)


def test_luma_deeper_than_12_bits_loses_its_last_ones():
    given = np.array([[0, 15, 16, 65535]], np.uint16)
    frame = av.VideoFrame.from_ndarray(given, format="gray16le")
    raster = find_raster(frame)
    assert raster.bits == 12
    np.testing.assert_array_equal(read_luma(frame, raster), [[0, 0, 1, 4095]])


def test_facts_are_those_of_the_file(tmp_path):
    made = make_film(
        tmp_path / "f.mp4",
        moving_frames(10),
        codec="libx264",
        time_base=Fraction(1001, 24000),
        rotation=90,
        pixel_aspect=Fraction(16, 15),
        sound=0.4,
        color_range=2,
        colorspace=1,
        color_trc=6,
        color_primaries=1,
    )
    film = open_film(made)
    assert (film.codec, film.expected, film.rotation) == ("h264", 10, 90)
    assert film.display_matrix == (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)
    assert (film.matrix, film.transfer, film.pixel_aspect) == ("bt709", 6, Fraction(16, 15))
    assert film.raster == Raster(height=64, width=96, bits=8, full_range=True)
    assert film.seconds == pytest.approx(10 * 1001 / 24000, abs=1e-3)
    times = [frame.pts * film.time_base for frame in film.frames()]
    assert times == [number * Fraction(1001, 24000) for number in range(10)]


def test_name_of_a_film_is_no_address_and_no_pattern(tmp_path):
    made = make_film(tmp_path / "f.mkv", moving_frames(2))
    for name in ("http:old %03d.mkv", "-vf.mkv", "été 'x'.mkv"):
        assert len(lumas(open_film(made.rename(tmp_path / name)))) == 2
        made = tmp_path / name


def test_what_a_film_does_not_tell_is_guessed_by_its_size(tmp_path):
    small = open_film(make_film(tmp_path / "s.mkv", moving_frames(2)))
    large = open_film(make_film(tmp_path / "l.mkv", moving_frames(2, height=720, width=64)))
    assert (small.matrix, large.matrix) == ("bt601", "bt709")
    assert (small.transfer, small.rotation, small.pixel_aspect) == (1, 0, 1)
    assert small.display_matrix is None


STAMPS = [0, 40, 60, 70, 200, 201, 500, 510, 600, 900, 5000, 5001]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_time_stamps_of_variable_rate_are_exact(tmp_path, suffix):
    given = moving_frames(len(STAMPS))
    made = make_film(
        tmp_path / f"f.{suffix}",
        given,
        pts=STAMPS,
        time_base=Fraction(1, 1000),
        codec="libx264",
        options={"qp": "0", "bf": "3"},
    )
    film = open_film(made)
    frames = list(film.frames())
    assert [frame.pts * film.time_base * 1000 for frame in frames] == STAMPS
    np.testing.assert_array_equal([frame.luma for frame in frames], given)


OPEN = "open-gop=1:keyint=8:min-keyint=8:bframes=3:scenecut=0"


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "libx264", {"x264-params": OPEN}),
        ("mkv", "libx264", {"x264-params": OPEN}),
        ("ts", "libx264", {"x264-params": OPEN}),
        ("avi", "libx264", {"x264-params": OPEN}),  # whose time stamps there are wrong
        ("avi", "mpeg4", {"g": "8", "bf": "2"}),
        ("mpg", "mpeg2video", {"g": "8", "bf": "2"}),
        ("mkv", "ffv1", {}),
    ],
)
def test_any_frame_is_met_exactly(tmp_path, suffix, codec, options):
    made = make_film(tmp_path / f"f.{suffix}", moving_frames(24), codec=codec, options=options)
    film = open_film(made)
    frames = list(film.frames())
    assert len(frames) == 24
    assert all(b.pts > a.pts for a, b in pairwise(frames))
    for number in (0, 1, 7, 8, 9, 15, 16, 22, 23):
        rest = list(film.frames(frames[number].pts))
        assert [frame.pts for frame in rest] == [frame.pts for frame in frames[number:]]
        np.testing.assert_array_equal(rest[0].luma, frames[number].luma)
        np.testing.assert_array_equal(rest[-1].luma, frames[-1].luma)


def test_frames_are_told_apart_where_a_packet_of_mpeg_holds_many(tmp_path):
    moving = moving_frames(60)
    given = [moving[number % 60] // 2 + number % 100 for number in range(300)]
    options = {"g": "12", "bf": "2"}
    film = open_film(make_film(tmp_path / "f.mpg", given, codec="mpeg2video", options=options))
    frames = list(film.frames())
    assert {b.pts - a.pts for a, b in pairwise(frames)} == {90_000 // 25}
    for number in (20, 239, 245, 259, 290):
        first = next(film.frames(frames[number].pts))
        np.testing.assert_array_equal(first.luma, frames[number].luma)


def test_packets_of_divx_that_hold_two_frames_are_taken_apart(tmp_path):
    plain = make_film(
        tmp_path / "plain.avi",
        moving_frames(20),
        codec="mpeg4",
        options={"g": "8", "bf": "1", "b_strategy": "0"},
    )
    with av.open(str(plain)) as file:
        packets = [(bytes(one), one.is_keyframe) for one in file.demux() if one.size]
    picture, b_frame = b"\0\0\1\xb6", 2
    packed: list[tuple[bytes, bool]] = []
    for data, key in packets:
        if data[data.index(picture) + 4] >> 6 == b_frame:
            packed[-1] = packed[-1][0] + data, packed[-1][1]
            packed.append((picture + b"\x5f", False))  # stands for one that came before
        else:
            packed.append((data, key))
    begin = packed[0][0].index(picture)
    told = packed[0][0][:begin] + b"\0\0\1\xb2DivX503b1393p" + packed[0][0][begin:]
    packed[0] = told, True
    with av.open(str(tmp_path / "packed.avi"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 96, 64
        stream.codec_context.time_base = Fraction(1, 25)
        for number, (data, key) in enumerate(packed):
            packet = av.Packet(data)
            packet.stream, packet.is_keyframe = stream, key
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            file.mux(packet)
    film = open_film(tmp_path / "packed.avi")
    frames = list(film.frames())
    np.testing.assert_array_equal([frame.luma for frame in frames], lumas(open_film(plain)))
    for number in (5, 8, 9, 13):
        assert len(list(film.frames(frames[number].pts))) == 20 - number
        np.testing.assert_array_equal(
            next(film.frames(frames[number].pts)).luma, frames[number].luma
        )


def woven(many: int) -> list[np.ndarray]:
    frames = moving_frames(2 * many)
    return [np.where(TOP, a, b) for a, b in zip(frames[::2], frames[1::2], strict=True)]


@pytest.mark.parametrize("told", [True, False])
def test_interlaced_film_is_refused_whatever_it_tells(tmp_path, told):
    options = {"x264-params": "tff=1"} if told else {}
    made = make_film(tmp_path / "old film.mp4", woven(12), codec="libx264", options=options)
    with pytest.raises(BadFilm, match=r"is interlaced: .* --deinterlace, or run `ffmpeg"):
        open_film(made)


def test_progressive_film_is_not_refused_whatever_it_tells(tmp_path):
    y = np.arange(64)[:, None] + np.zeros((1, 96))
    fine = [
        (126 + 90 * np.sign(np.sin(np.pi * (y - 0.5 * t) / 1.5 + 0.3))).astype(np.uint8)
        for t in range(12)
    ]
    noise = np.random.default_rng(0).integers(0, 40, (12, 64, 96), np.uint8)
    shaky = [frame + grain for frame, grain in zip(moving_frames(12), noise, strict=True)]
    for frames, how in [
        (moving_frames(12), {"codec": "libx264", "options": {"x264-params": "tff=1"}}),
        (fine, {}),
        (shaky, {}),
        ([fine[0]] * 12, {}),
    ]:
        film = open_film(make_film(tmp_path / "f.mp4", frames, **({"codec": "libx264"} | how)))
        assert film.fields is None


def test_fields_become_whole_frames_with_their_time_stamps(tmp_path):
    made = make_film(tmp_path / "f.mkv", woven(24))
    film = open_film(made, deinterlace=True)
    frames = list(film.frames())
    assert [frame.pts for frame in frames] == [40 * number for number in range(24)]
    assert film.fields == "tff"
    np.testing.assert_array_equal(frames[5].luma[::2], woven(24)[5][::2])  # of the first field
    clean = moving_frames(48)[10].astype(int)
    before, after = (np.abs(x - clean).mean() for x in (woven(24)[5], frames[5].luma))
    assert after < before / 2
    rest = list(film.frames(frames[9].pts))
    np.testing.assert_array_equal([x.luma for x in rest], [x.luma for x in frames[9:]])


def test_film_in_color_is_told_from_one_that_is_toned_or_has_a_colored_title(tmp_path):
    y = [luma // 2 + 60 for luma in moving_frames(60)]
    u, v = np.full((32, 48), 110, np.uint8), np.full((32, 48), 145, np.uint8)  # sepia
    halves = np.where(np.arange(48)[None] < 24, 80, 190).astype(np.uint8) + np.zeros_like(u)
    assert not open_film(make_film(tmp_path / "grey.mp4", y, codec="libx264")).is_in_color()
    sepia = [(luma, u, v) for luma in y]
    colored = [(luma, halves, halves) for luma in y]
    assert not open_film(make_film(tmp_path / "s.mp4", sepia, codec="libx264")).is_in_color()
    assert open_film(make_film(tmp_path / "c.mp4", colored, codec="libx264")).is_in_color()
    titled = make_film(tmp_path / "t.mp4", colored[:10] + sepia[10:], codec="libx264")
    assert not open_film(titled).is_in_color()
    samples = open_film(titled).color_samples()
    assert 6 <= len(samples) <= 12
    assert samples[0].pixels.shape == (64, 96, 3)


def test_what_is_no_film_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "text.mp4").write_text("It was a dark and stormy night. " * 40)
    (tmp_path / "notes.txt").write_text("It was a dark and stormy night. " * 40)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nf.ts\n")
    with av.open(str(tmp_path / "photo.png"), "w", format="image2") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "gray"
        file.mux(stream.encode(av.VideoFrame(8, 8, "gray")) + stream.encode(None))
    with av.open(str(tmp_path / "sound.mp3"), "w") as file:
        sound = file.add_stream("libmp3lame", rate=48_000)
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        tone = av.AudioFrame.from_ndarray(np.zeros((2, 4608), np.float32), "fltp", "stereo")
        tone.sample_rate, tone.pts = 48_000, 0
        packets = sound.encode(tone) + sound.encode(None)
        file.mux(cover.encode(av.VideoFrame(16, 16, "yuvj420p")) + cover.encode(None) + packets)
    for name, says in {
        "absent.mp4": r"does not exist: check the name\.",
        ".": r"is a folder, not a film: give the film in it\.",
        "pipe.mp4": r"is a device or a pipe: give the path of a file\.",
        "empty.mp4": r"is empty: fetch it again\.",
        "text.mp4": r"is a text file, not a film|not a film that can be read: .* fetch it again\.",
        "notes.txt": r"is a text file, not a film: give the film itself\.",
        "list.m3u8": r"is a playlist, not a film|not a film that can be read",
        "photo.png": r"is a picture, not a film: use `photochrom colorize`\.",
        "sound.mp3": r"holds only sound, no film: give a file with moving pictures\.",
    }.items():
        with pytest.raises(BadFilm, match=says):
            open_film(tmp_path / name)


def test_film_without_its_end_is_refused_when_it_was_gone_through(tmp_path):
    for suffix, codec in [("mkv", "libx264"), ("avi", "mpeg4"), ("mp4", "libx264")]:
        made = make_film(
            tmp_path / f"f.{suffix}",
            moving_frames(75),
            codec=codec,
            options={"g": "10"},
            sound=3,
            container={"movflags": "+faststart"},
        )
        assert len(lumas(open_film(made))) == 75
        made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
        film = open_film(made)
        says = r"is cut short or damaged: (\d+) frames of about 7\d can be read\. Fetch it again"
        with pytest.raises(BadFilm, match=says) as caught:
            lumas(film)
        found = re.search(says, str(caught.value))
        assert found
        assert 20 < int(found[1]) < 60
        assert "-c copy" in str(caught.value)


def test_film_that_lost_its_head_is_refused(tmp_path):
    made = make_film(tmp_path / "f.mp4", moving_frames(30), codec="libx264")
    made.write_bytes(made.read_bytes()[:-600])  # what tells where the frames are stands at the end
    with pytest.raises(BadFilm, match=r"not a film that can be read: .* fetch it again\."):
        open_film(made)


def test_damaged_frame_is_one_of_many(tmp_path):
    noise = list(np.random.default_rng(0).integers(16, 236, (40, 64, 96), np.uint8))
    made = make_film(tmp_path / "f.mkv", noise, codec="mpeg4", options={"g": "10", "q": "2"})
    with av.open(str(made)) as file:
        packet = next(one for number, one in enumerate(file.demux(video=0)) if number == 15)
        spot, data = bytes(packet)[400:900], made.read_bytes()
    assert data.count(spot) == 1
    made.write_bytes(data.replace(spot, bytes(byte ^ 0x5A for byte in spot)))
    film = open_film(made)
    assert 39 <= len(lumas(film)) <= 40
    assert 1 <= film.damaged <= 10


def test_raw_stream_without_time_stamps_is_refused(tmp_path):
    made = make_film(tmp_path / "my film.h264", moving_frames(10), codec="libx264")
    with pytest.raises(BadFilm, match="does not tell when its frames are shown") as caught:
        open_film(made)
    line = re.search("`(.*)`", str(caught.value))
    assert line
    words = shlex.split(line[1])
    assert words[:5] == ["ffmpeg", "-r", "25", "-i", str(made)]
    assert words[-1] == str(tmp_path / "my film.mended.mkv")


def join(path: Path, parts: list[Path]) -> Path:
    """Their packets one after the other, as they are; time goes on, or not."""
    with av.open(str(path), "w") as joined:
        with av.open(str(parts[0])) as first:
            stream = joined.add_stream_from_template(first.streams.video[0], opaque=True)
        for part in parts:
            with av.open(str(part)) as file:
                for packet in file.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        joined.mux(packet)
    return path


def test_film_that_goes_back_in_time_is_refused(tmp_path):
    part = make_film(tmp_path / "a.ts", moving_frames(10), codec="mpeg2video")
    both = tmp_path / "both.ts"
    both.write_bytes(part.read_bytes() * 2)
    with pytest.raises(BadFilm, match=r"goes back in time at \d\.\d s, .* run `ffmpeg -r 25 "):
        lumas(open_film(both))


def test_film_whose_frames_change_size_is_refused(tmp_path):
    a = make_film(tmp_path / "a.mkv", moving_frames(5), codec="mjpeg", pix_fmt="yuvj420p")
    later = moving_frames(5, height=48, width=64)
    b = make_film(tmp_path / "b.mkv", later, pts=range(5, 10), codec="mjpeg", pix_fmt="yuvj420p")
    both = join(tmp_path / "both.mkv", [a, b])
    says = r"from 96 × 64 to 64 × 48 pixels at 0\.2 s: run `ffmpeg -i \S+ -vf scale=96:64 "
    with pytest.raises(BadFilm, match=says):
        lumas(open_film(both))


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(tmp_path, transfer, name):
    frames = moving_frames(3, bits=10)
    how = {"pix_fmt": "yuv420p10le", "color_trc": transfer, "color_primaries": 9, "colorspace": 9}
    made = make_film(tmp_path / "f.mkv", frames, codec="libx265", **how)
    with pytest.raises(BadFilm, match=rf"is HDR \({name}\), .*tonemap"):
        open_film(made)


def test_frames_of_ridiculous_size_are_refused_before_they_are_decoded(tmp_path):
    made = make_film(tmp_path / "f.avi", moving_frames(2), codec="mpeg4")
    data = bytearray(made.read_bytes())
    at = data.index(b"strf") + 12  # BITMAPINFOHEADER: width, height
    data[at : at + 8] = (9000).to_bytes(4, "little") + (8000).to_bytes(4, "little")
    made.write_bytes(bytes(data).replace(b"FMP4", b"MJPG"))
    with pytest.raises(BadFilm, match=r"9,000 × 8,000 pixels, and at most 67,108,864"):
        open_film(made)


def test_unknown_codec_is_refused(tmp_path):
    made = make_film(tmp_path / "f.avi", moving_frames(2), codec="mpeg4")
    made.write_bytes(made.read_bytes().replace(b"FMP4", b"QQQQ"))
    with pytest.raises(BadFilm, match=r"cannot be decoded here: convert it"):
        open_film(made)


KINDS = {
    "mp4": "libx264",
    "mkv": "libx264",
    "avi": "mpeg4",
    "mpg": "mpeg2video",
    "webm": "libvpx",
}


def check_spoiled(folder: Path, rounds: int) -> None:
    """Whatever happened to a film, it is read or refused."""
    random = np.random.default_rng(19)
    for suffix, codec in KINDS.items():
        made = make_film(
            folder / f"f.{suffix}", moving_frames(16), codec=codec, options={"g": "6"}, sound=0.6
        )
        whole = made.read_bytes()
        for number in range(rounds):
            data = bytearray(whole)
            match number % 3:
                case 0:
                    data = bytearray(spoiled(whole, random, reach=2000))
                case 1:
                    data = data[: int(random.integers(1, len(data)))]
                case 2:
                    for place in random.integers(0, len(data), 30):
                        data[place] ^= 1 << int(random.integers(8))
            made.write_bytes(bytes(data))
            stamps: list[int] = []
            try:
                film = open_film(made)
                for frame in film.frames():
                    assert frame.luma.shape == (film.raster.height, film.raster.width)
                    stamps.append(frame.pts)
                if stamps:
                    assert next(film.frames(stamps[-1])).pts == stamps[-1]
            except PhotochromError as refused:
                said = str(refused)
            else:
                said = str(made)
            assert str(made) in said
            assert stamps == sorted(set(stamps))


def test_spoiled_films_are_read_or_refused(tmp_path):
    check_spoiled(tmp_path, 9)


@pytest.mark.slow
def test_many_spoiled_films_are_read_or_refused(tmp_path):
    check_spoiled(tmp_path, 200)
