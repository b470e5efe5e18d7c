"""What a film is written as, and its parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
import av

from films import make_film, moving_frames
from photochrom.errors import BadOption, DiskFull
from photochrom.video import encoding
from photochrom.video.encoding import Target, choose_target, write_segment
from photochrom.video.film import Film, open_film
from photochrom.video.options import Codec, VideoOptions

FULL, LIMITED = 2, 1


def add_chroma(luma: Sequence[np.ndarray], target: Target, bits: int) -> Iterator[tuple]:
    rows, columns = target.chroma_size
    U, V = (np.full((rows, columns), code << (bits - 8), luma[0].dtype) for code in (100, 150))
    for Y in luma:
        yield Y, U, V


def read_planes(path: Path) -> list[list[np.ndarray]]:
    with av.open(str(path)) as film:
        return [[_crop(plane, frame) for plane in frame.planes] for frame in film.decode(video=0)]


def _crop(plane: av.video.plane.VideoPlane, frame: av.VideoFrame) -> np.ndarray:
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]


def film_of(
    folder: Path, *, bits: int = 8, height: int = 64, width: int = 96, many: int = 3, **more: object
) -> tuple[Film, list[np.ndarray]]:
    frames = moving_frames(many, bits=bits, height=height, width=width)
    pix_fmt = {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"}[bits]
    return open_film(make_film(folder / "old.mkv", frames, pix_fmt=pix_fmt, **more)), frames


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_luma_is_the_films_own_to_the_bit(tmp_path: Path, bits: int) -> None:
    film, frames = film_of(tmp_path, bits=bits, height=63, width=97)
    target = choose_target(film, VideoOptions(codec="ffv1"), tmp_path / "new.mkv")
    segment = tmp_path / "part"
    assert write_segment(segment, add_chroma(frames, target, bits), film, target) == len(frames)
    found = read_planes(segment)
    for (Y, U, V), own in zip(found, frames, strict=True):
        np.testing.assert_array_equal(Y, own)
        assert U.shape == V.shape == target.chroma_size == (32, 49)
        assert (np.unique(U), np.unique(V)) == (100 << (bits - 8), 150 << (bits - 8))
    assert target.notes == ()


@pytest.mark.parametrize(
    ("codec", "suffix", "transfer", "matrix"),
    [
        ("h264", "mp4", 6, 6),
        ("hevc", "mov", 1, 1),
        ("av1", "webm", 1, 1),
        ("prores", "mov", 1, 1),
        ("ffv1", "mkv", 6, 6),
    ],
)
def test_colors_are_tagged(
    tmp_path: Path, codec: Codec, suffix: str, transfer: int, matrix: int
) -> None:
    film, frames = film_of(tmp_path, color_trc=transfer, colorspace=matrix, color_range=FULL)
    target = choose_target(film, VideoOptions(codec=codec), tmp_path / f"new.{suffix}")
    write_segment(tmp_path / "part", add_chroma(frames, target, 8), film, target)
    with av.open(str(tmp_path / "part")) as part:
        found = part.streams.video[0].codec_context
        tags = (found.color_primaries, found.color_trc, found.colorspace, found.color_range)
    assert tags == (1, transfer, matrix, LIMITED if codec == "prores" else FULL)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "prores", "ffv1"])
def test_packet_i_is_frame_i(tmp_path: Path, codec: Codec) -> None:
    frames = [np.full((64, 96), 40 + 12 * number, np.uint8) for number in range(14)]
    film = open_film(make_film(tmp_path / "old.mkv", frames))
    target = choose_target(film, VideoOptions(codec=codec, bits=None), tmp_path / "new.mkv")
    write_segment(tmp_path / "part", add_chroma(frames, target, 8), film, target)
    with av.open(str(tmp_path / "part")) as part:
        packets = [packet for packet in part.demux(video=0) if packet.size]
        means = []
        for packet in packets:
            means += [float(_crop(f.planes[0], f).mean()) for f in packet.decode()]
        means += [float(_crop(f.planes[0], f).mean()) for f in part.streams.video[0].decode(None)]
    assert len(packets) == len(frames)
    assert packets[0].is_keyframe
    assert [packet.pts for packet in packets] == sorted(packet.pts for packet in packets)
    scale = 4 if target.raster.bits == 10 else 1
    np.testing.assert_allclose(means, [scale * Y.mean() for Y in frames], atol=2 * scale)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="it is a matter of Linux")
def test_no_thread_comes_before_other_work_of_the_machine(tmp_path: Path) -> None:
    film, frames = film_of(tmp_path)
    target = choose_target(film, VideoOptions(codec="av1"), tmp_path / "new.mkv")
    policies = set()

    def watched() -> Iterator[tuple]:
        for planes in add_chroma(frames, target, 8):
            threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
            policies.update(os.sched_getscheduler(thread) for thread in threads)
            yield planes

    before = os.sched_getscheduler(0)  # as root, SVT-AV1 changes it
    write_segment(tmp_path / "part", watched(), film, target)
    assert policies == {before}
    assert os.sched_getscheduler(0) == before


def test_ten_bits_are_rounded_where_eight_are_written_and_that_is_said(tmp_path: Path) -> None:
    film, _ = film_of(tmp_path, bits=10)
    target = choose_target(film, VideoOptions(), tmp_path / "new.mp4")
    assert (target.pix_fmt, target.raster.bits) == ("yuv420p", 8)
    assert target.notes == ("its 10 bits are rounded to 8 (--bits 10 keeps them)",)
    kept = choose_target(film, VideoOptions(bits=10), tmp_path / "new.mp4")
    assert (kept.pix_fmt, kept.notes) == ("yuv420p10le", ())


@pytest.mark.parametrize("full_range", [True, False])
def test_black_white_and_grey_stay_so_with_other_bits(tmp_path: Path, full_range: bool) -> None:
    codes = [0, 128, 255] if full_range else [16, 128, 235]
    frames = [np.full((64, 96), code, np.uint8) for code in codes]
    range_ = FULL if full_range else LIMITED
    film = open_film(make_film(tmp_path / "old.mkv", frames, color_range=range_))
    target = choose_target(film, VideoOptions(codec="ffv1", bits=10), tmp_path / "new.mkv")
    grey = np.full(target.chroma_size, 128, np.uint8)
    write_segment(tmp_path / "part", ((Y, grey, grey) for Y in frames), film, target)
    found = [[int(plane[0, 0]) for plane in planes] for planes in read_planes(tmp_path / "part")]
    middle = 514 if full_range else 512  # 128 × 1023 / 255, and 128 × 4
    ends = (0, 1023) if full_range else (64, 940)
    assert found == [[code, 512, 512] for code in (ends[0], middle, ends[1])]


def test_odd_sizes_are_made_even_by_the_edge_where_the_codec_needs_it(tmp_path: Path) -> None:
    film, frames = film_of(tmp_path, height=63, width=97)
    target = choose_target(film, VideoOptions(crf=0), tmp_path / "new.mp4")
    assert (target.raster.height, target.raster.width) == (64, 98)
    assert target.notes == (
        "its edge is repeated once, to 98 × 64 pixels, as h264 needs even sizes",
    )
    write_segment(tmp_path / "part", add_chroma(frames, target, 8), film, target)
    Y = read_planes(tmp_path / "part")[0][0]
    np.testing.assert_array_equal(Y, np.pad(frames[0], ((0, 1), (0, 1)), mode="edge"))


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ({"crf": 52}, "n.mp4", "--crf 52 is out of range: take one of 0 (best) to 51"),
        ({"codec": "ffv1", "crf": 3}, "n.mkv", "--codec ffv1 has no --crf: leave it out."),
        ({"codec": "prores", "bits": 8}, "n.mov", "--codec prores has 10 bits, not 8."),
        ({"codec": "prores"}, "n.mp4", ".mp4 does not hold prores: take -o n.mov."),
        ({}, "n.webm", ".webm does not hold h264: take -o n.mp4."),
        ({}, "n.avi", "cannot be written as .avi: choose a name that ends in .mp4"),
        ({}, "n", "cannot be written as a file without a suffix"),
        ({"codec": "vp9"}, "n.mp4", "There is no codec 'vp9': take one of h264, hevc, av1"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    tmp_path: Path, options: dict, name: str, said: str
) -> None:
    film, _ = film_of(tmp_path, many=1)
    with pytest.raises(BadOption) as refused:
        choose_target(film, VideoOptions(**options), tmp_path / name)
    assert said in str(refused.value)


def test_an_encoder_that_is_not_built_is_told_with_one_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, _ = film_of(tmp_path, many=1)
    missing = encoding._Encoder("libx999", {8: "yuv420p"}, {})
    monkeypatch.setattr(encoding, "ENCODERS", {**encoding.ENCODERS, "hevc": missing})
    with pytest.raises(BadOption, match=r"has no libx999: take --codec h264\."):
        choose_target(film, VideoOptions(codec="hevc"), tmp_path / "n.mp4")


def test_encoders_are_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film, frames = film_of(tmp_path)
    for codec in encoding.ENCODERS:
        target = choose_target(film, VideoOptions(codec=codec), tmp_path / "new.mkv")
        write_segment(tmp_path / "part", add_chroma(frames, target, 8), film, target)
    assert capfd.readouterr() == ("", "")


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    film, frames = film_of(tmp_path)
    target = choose_target(film, VideoOptions(), tmp_path / "new.mp4")
    for name in "ab":
        write_segment(tmp_path / name, add_chroma(frames, target, 8), film, target)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_goes_wrong_leaves_no_half_segment(tmp_path: Path) -> None:
    film, frames = film_of(tmp_path)
    target = choose_target(film, VideoOptions(), tmp_path / "new.mp4")

    def stop() -> Iterator[tuple]:
        yield from add_chroma(frames, target, 8)
        raise KeyboardInterrupt

    def fill_up() -> Iterator[tuple]:
        yield from add_chroma(frames, target, 8)
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.iterdir())
    for frames_, error in ((stop(), KeyboardInterrupt), (fill_up(), DiskFull)):
        with pytest.raises(error):
            write_segment(tmp_path / "part", frames_, film, target)
    assert sorted(tmp_path.iterdir()) == before
