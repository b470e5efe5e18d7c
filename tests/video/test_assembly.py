"""The result: every frame at its time, and every other stream bit by bit."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")
import av

from films import make_film, moving_frames
from photochrom import files
from photochrom.errors import BadFilm, BadOption, CannotWrite, DiskFull
from photochrom.image.provenance import Provenance
from photochrom.video.assembly import assemble
from photochrom.video.encoding import choose_target, default_suffix, write_segment
from photochrom.video.film import open_film
from photochrom.video.options import VideoOptions

MARK = Provenance(version="1.0", model="hintnet", when="2026-11-28T09:30:00Z")
NOTE = "colorized by photochrom 1.0, model hintnet"
NTSC = Fraction(1001, 30000)
CHAPTERS = [("The harbour", 0, 300), ("Über das Meer", 300, 800)]
UNEVEN = [0, 1, 3, 4, 8, 9, 10, 15, 16, 17, 18, 20]


class Sent(NamedTuple):
    """A packet of a film's file."""

    time: Fraction | None
    data: bytes


def read_packets(path: Path) -> list[list[Sent]]:
    """Of every stream, in order of time."""
    with av.open(str(path)) as film:
        found: list[list[Sent]] = [[] for _ in film.streams]
        for packet in film.demux():
            if packet.size:
                time = None if packet.pts is None else packet.pts * packet.time_base
                found[packet.stream_index].append(Sent(time, bytes(packet)))
    return [sorted(stream, key=lambda sent: sent.time or 0) for stream in found]


def times(packets: Iterable[Sent]) -> list[Fraction | None]:
    return [packet.time for packet in packets]


def color(old: Path, new: Path, *, parts: Iterable[int] = (5, 6), **options: object) -> tuple:
    """Assemble a result as the pipeline does, with colours of one hue; answers the notes."""
    film = open_film(old)
    target = choose_target(film, VideoOptions(**options), new)
    frames = list(film.frames())
    hues = np.full(target.chroma_size, 110 << (film.raster.bits - 8), frames[0].luma.dtype)
    segments, starts = [], [0, *parts, len(frames)]
    for start, stop in pairwise(starts):
        segments.append(old.parent / f"{start}.part")
        planes = [(frame.luma, hues, hues) for frame in frames[start:stop]]
        write_segment(segments[-1], planes, film, target)
    pts = [frame.pts for frame in frames]
    left_out = assemble(film, segments, pts, target, new, provenance=MARK, force=True)
    return (*target.notes, *left_out)


def enrich(
    old: Path,
    new: Path,
    *,
    subtitles: str = "",
    font: bool = False,
    cover: bool = False,
    stretch: int = 1,
    container: dict[str, str] | None = None,
    **metadata: str,
) -> Path:
    """Copy a film with its sound twice, chapters, and what is asked for."""
    with (
        av.open(str(old)) as source,
        av.open(str(new), "w", container_options=container or {}) as film,
    ):
        film.metadata.update(metadata)
        copies: dict[int, list] = {}
        for stream in source.streams:
            many = 2 if stream.type == "audio" else 1
            copies[stream.index] = [
                film.add_stream_from_template(stream, opaque=True) for _ in range(many)
            ]
            for copy in copies[stream.index]:
                copy.time_base = stream.time_base
        film.streams.video[0].metadata["title"] = "The picture"
        for track, language in zip(film.streams.audio, ("deu", "eng"), strict=True):
            track.metadata.update(language=language, title=f"Track in {language}")
        film.streams.audio[1].disposition = av.stream.Disposition.comment
        text = _add(film, subtitles, language="fra") if subtitles else None
        if font:
            film.add_attachment("Old.ttf", "font/ttf", b"\0\1FONT" * 40)
        picture = io.BytesIO()
        Image.new("RGB", (32, 24), (200, 30, 30)).save(picture, "JPEG")
        shown = None
        if cover and new.suffix == ".mkv":
            film.add_attachment("cover.jpg", "image/jpeg", picture.getvalue())
        elif cover:
            shown = _add(film, "mjpeg", width=32, height=24)
            shown.disposition = av.stream.Disposition.attached_pic
        unit = Fraction(1, 1000)
        film.set_chapters(
            [
                {"id": number, "start": a, "end": b, "time_base": unit, "metadata": {"title": said}}
                for number, (said, a, b) in enumerate(CHAPTERS)
            ]
        )
        if shown is not None:
            film.mux(_packet(picture.getvalue(), shown, 0, 0))
        for number in range(3 if text is not None else 0):
            said = f"Line {number}".encode()
            data = len(said).to_bytes(2) + said if subtitles == "mov_text" else said
            film.mux(_packet(data, text, 200 * number, 150))
        for packet in source.demux():
            for copy in copies[packet.stream_index] if packet.size else ():
                again = av.Packet(bytes(packet))
                times = stretch if copy.type == "audio" else 1
                again.pts, again.dts = packet.pts * times, packet.dts * times
                again.duration, again.time_base = packet.duration * times, packet.time_base
                again.is_keyframe, again.stream = packet.is_keyframe, copy
                film.mux(again)
    return new


def _add(film: av.container.OutputContainer, codec: str, **more: object) -> av.stream.Stream:
    language = more.pop("language", "und")
    stream = film.add_mux_stream(codec, **more)
    stream.metadata["language"] = language
    return stream


def _packet(data: bytes, stream: av.stream.Stream, start: int, duration: int) -> av.Packet:
    packet = av.Packet(data)
    packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), True
    packet.pts, packet.dts, packet.duration = start, start, duration
    return packet


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A film as a camera makes it: frames that wait for later ones, sound that begins before 0."""
    return make_film(
        tmp_path / "base.mp4", moving_frames(12), codec="libx264", options={"bf": "2"}, sound=0.5
    )


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_frames_and_sound_keep_their_times(tmp_path: Path, codec: str) -> None:
    old, new = tmp_path / "old.mp4", tmp_path / "new.mp4"
    make_film(
        old,
        moving_frames(12),
        pts=UNEVEN,
        time_base=NTSC,
        codec="libx264",
        options={"bf": "2"},
        sound=0.5,
    )
    assert color(old, new, codec=codec, parts=(1, 2, 7)) == ()
    (shown, heard), (was_shown, was_heard) = read_packets(new), read_packets(old)
    assert times(shown) == times(was_shown) == [pts * NTSC for pts in UNEVEN]
    assert heard == was_heard
    assert heard[0].time == Fraction(-1024, 48000)


def test_matroska_keeps_its_milliseconds(tmp_path: Path) -> None:
    pts = [40 * number + number % 3 for number in range(12)]
    old = make_film(
        tmp_path / "old.mkv", moving_frames(12), pts=pts, time_base=Fraction(1, 1000), sound=0.5
    )
    color(old, tmp_path / "new.mkv")
    (shown, heard), (was_shown, was_heard) = read_packets(tmp_path / "new.mkv"), read_packets(old)
    assert times(shown) == times(was_shown)
    assert heard == was_heard


def test_a_first_frame_that_comes_late_stays_so(tmp_path: Path) -> None:
    old = make_film(
        tmp_path / "old.mp4", moving_frames(3), pts=[7, 8, 11], codec="libx264", sound=0.5
    )
    color(old, tmp_path / "new.mp4", parts=())
    shown, heard = read_packets(tmp_path / "new.mp4")
    assert times(shown) == [Fraction(pts, 25) for pts in (7, 8, 11)]
    assert heard == read_packets(old)[1]


def test_after_an_hour_sound_is_where_it_was(tmp_path: Path) -> None:
    pts = [0, 1, *(12_000 * number + number**2 for number in range(1, 10))]
    old = make_film(
        tmp_path / "old.mp4",
        moving_frames(11),
        pts=pts,
        time_base=NTSC,
        codec="libx264",
        options={"bf": "2"},
        sound=0.5,
    )
    long = enrich(old, tmp_path / "long.mp4", stretch=7500)
    color(long, tmp_path / "new.mp4")
    new, was = read_packets(tmp_path / "new.mp4"), read_packets(long)
    assert times(new[0])[-1] > 3500
    assert times(new[1])[-1] > 3600
    assert [times(stream) for stream in new[:3]] == [times(stream) for stream in was[:3]]


def test_a_broadcasters_clock_is_set_to_0_for_picture_and_sound_alike(tmp_path: Path) -> None:
    old = make_film(
        tmp_path / "old.ts",
        moving_frames(12),
        codec="mpeg2video",
        sound=0.5,
        container={"output_ts_offset": "10"},
    )
    color(old, tmp_path / "new.mp4")
    new, was = read_packets(tmp_path / "new.mp4"), read_packets(old)
    assert min(new[0][0].time, new[1][0].time) == 0
    (apart,) = {a.time - b.time for a, b in zip(was[0] + was[1], new[0] + new[1], strict=True)}
    assert apart > 9
    header = 7  # bytes, which each packet has there only
    assert [sent.data for sent in new[1]] == [sent.data[header:] for sent in was[1]]


# --- what else is in a film -------------------------------------------------------------------


def test_mp4_keeps_all_that_is_in_it(tmp_path: Path, base: Path) -> None:
    old = enrich(base, tmp_path / "old.mp4", subtitles="mov_text", cover=True, title="Old film")
    assert color(old, tmp_path / "new.mp4") == ()
    assert read_packets(tmp_path / "new.mp4")[1:] == read_packets(old)[1:]
    with av.open(str(tmp_path / "new.mp4")) as new:
        assert [stream.type for stream in new.streams] == [
            *("video", "audio", "audio", "subtitle", "data", "video")  # data: names of chapters
        ]
        assert [stream.language for stream in new.streams][1:4] == ["deu", "eng", "fra"]
        assert new.streams[2].metadata["name"] == "Track in eng"
        assert new.streams[2].disposition == av.stream.Disposition.comment
        assert new.streams[5].disposition == av.stream.Disposition.attached_pic
        assert [chapter["metadata"]["title"] for chapter in new.chapters()] == [
            said for said, *_ in CHAPTERS
        ]
        assert [float(c["start"] * c["time_base"]) for c in new.chapters()] == [0, 0.3]
        assert new.metadata["title"] == "Old film"
        assert new.metadata["comment"] == NOTE
        assert new.metadata["encoder"] == "photochrom 1.0"
    data = (tmp_path / "new.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all of it is there


def test_matroska_keeps_all_that_is_in_it(tmp_path: Path, base: Path) -> None:
    old = enrich(
        *(base, tmp_path / "old.mkv"),
        subtitles="subrip",
        font=True,
        cover=True,
        title="Old film",
        CATALOGUE="7/12",
        COMMENT="Found in a barn",
    )
    assert color(old, tmp_path / "new.mkv", codec="ffv1") == ()
    assert read_packets(tmp_path / "new.mkv")[1:] == read_packets(old)[1:]
    with av.open(str(tmp_path / "new.mkv")) as new:
        assert [stream.type for stream in new.streams] == [
            *("video", "audio", "audio", "subtitle", "attachment", "video")
        ]
        assert new.streams[0].metadata["title"] == "The picture"
        assert new.streams[2].metadata["title"] == "Track in eng"
        assert new.streams[2].disposition == av.stream.Disposition.comment
        assert (new.streams[4].name, new.streams[4].data) == ("Old.ttf", b"\0\1FONT" * 40)
        assert [chapter["metadata"]["title"] for chapter in new.chapters()] == [
            said for said, *_ in CHAPTERS
        ]
        assert new.metadata["CATALOGUE"] == "7/12"
        assert new.metadata["COMMENT"] == f"Found in a barn; {NOTE}"


def test_subtitles_of_mp4_become_text_in_matroska(tmp_path: Path, base: Path) -> None:
    old = enrich(base, tmp_path / "old.mp4", subtitles="mov_text")
    assert color(old, tmp_path / "new.mkv", codec="ffv1") == ()
    new = read_packets(tmp_path / "new.mkv")
    assert [sent.data for sent in new[3]] == [b"Line 0", b"Line 1", b"Line 2"]


def test_sound_that_cannot_be_copied_is_written_without_loss(tmp_path: Path) -> None:
    old = make_film(tmp_path / "old.wmv", moving_frames(12), codec="wmv2", sound=0.5)
    assert color(old, tmp_path / "new.mkv") == (
        "its sound (stream 1, wmav2) is written as flac, as .mkv does not hold it",
    )

    def hear(path: Path) -> tuple[float, np.ndarray]:
        """When sound begins, from the first frame on, and its samples, -1..1."""
        with av.open(str(path)) as film:
            first = next(film.decode(video=0)).time
            film.seek(0)
            heard = list(film.decode(audio=0))
        to_float = av.AudioResampler("fltp", "stereo", 48_000)
        samples = [part.to_ndarray() for frame in heard for part in to_float.resample(frame)]
        return heard[0].time - first, np.concatenate(samples, axis=1)

    (start, samples), (was_start, was) = hear(tmp_path / "new.mkv"), hear(old)
    assert start == pytest.approx(was_start, abs=0.001)
    np.testing.assert_allclose(samples, was, atol=2**-14)


def test_what_another_container_could_hold_is_refused_before_the_work(
    tmp_path: Path, base: Path
) -> None:
    film = open_film(enrich(base, tmp_path / "old.mkv", subtitles="subrip"))
    with pytest.raises(BadOption) as refused:
        choose_target(film, VideoOptions(), tmp_path / "new.mp4")
    assert str(refused.value) == (
        "new.mp4: .mp4 does not hold the film's subtitles (stream 3, srt): take -o new.mkv."
    )


@pytest.mark.parametrize(
    ("name", "codec", "suffix"),
    [
        ("f.mp4", "h264", ".mp4"),
        ("f.mp4", "prores", ".mov"),
        ("f.mp4", "ffv1", ".mkv"),
        ("f.mkv", "h264", ".mkv"),
        ("f.webm", "h264", ".mkv"),
        ("f.webm", "av1", ".webm"),
        ("f.mpg", "h264", ".mp4"),
        ("f.wmv", "h264", ".mkv"),  # whose sound nobody plays in another
    ],
)
def test_the_suffix_is_the_films_own_where_that_can_hold_the_result(
    tmp_path: Path, name: str, codec: str, suffix: str
) -> None:
    inside = {"f.webm": "libvpx", "f.mpg": "mpeg2video", "f.wmv": "wmv2"}.get(name, "libx264")
    film = open_film(make_film(tmp_path / name, moving_frames(4), codec=inside, sound=0.2))
    assert default_suffix(film, VideoOptions(codec=codec)) == suffix


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize(("codec", "suffix"), [("h264", "mp4"), ("ffv1", "mkv"), ("av1", "mkv")])
def test_pixels_keep_their_shape_and_the_picture_its_turn(
    tmp_path: Path, codec: str, suffix: str, rotation: int
) -> None:
    aspect = Fraction(16, 15)
    old = make_film(
        tmp_path / "old.mp4",
        moving_frames(3),
        codec="libx264",
        pixel_aspect=aspect,
        rotation=rotation,
    )
    color(old, tmp_path / f"new.{suffix}", codec=codec, parts=())
    film = open_film(tmp_path / f"new.{suffix}")
    assert (film.pixel_aspect, film.rotation) == (aspect, rotation)


def test_colors_are_tagged_in_the_container(tmp_path: Path) -> None:
    old = make_film(
        *(tmp_path / "old.mkv", moving_frames(3)), color_trc=6, colorspace=6, color_range=2
    )
    for name, codec in (("a.mp4", "h264"), ("b.mkv", "ffv1"), ("c.mp4", "hevc")):
        color(old, tmp_path / name, codec=codec, parts=())
        with av.open(str(tmp_path / name)) as new:
            found = new.streams.video[0].codec_context
            tags = (found.color_primaries, found.color_trc, found.colorspace, found.color_range)
            assert tags == (1, 6, 6, 2)
            assert found.codec_tag == {"c.mp4": "hvc1", "a.mp4": "avc1"}.get(name, "\0\0\0\0")


# --- the mark ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_xmp_tells_what_was_done_and_keeps_what_it_told(tmp_path: Path, suffix: str) -> None:
    old = make_film(tmp_path / "0.mp4", moving_frames(3), codec="libx264")
    for number in (1, 2):  # the second is made of the first
        color(old, new := tmp_path / f"{number}.{suffix}", parts=())
        old = new
    with av.open(str(new), options={"export_xmp": "1"}) as film:
        packet = film.metadata["xmp"]
        assert film.metadata["comment"] == NOTE
    assert packet.count("stEvt:action") == 2 * 2  # an element each
    assert packet.count("compositeWithTrainedAlgorithmicMedia") == 1
    box = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    data = new.read_bytes()
    if suffix == "mp4":
        at = data.rindex(b"uuid" + box) - 4
        assert int.from_bytes(data[at : at + 4]) == len(data) - at
    else:
        assert b"XMP_" in data


def test_the_same_parts_give_the_same_bytes(tmp_path: Path, base: Path) -> None:
    for suffix in ("mp4", "mkv"):
        for name in "ab":
            color(base, tmp_path / f"{name}.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("part", [0, 0.4, 0.99])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, part: float
) -> None:
    new = tmp_path / f"new.{suffix}"
    color(base, new)
    room = int(part * new.stat().st_size)
    new.unlink()

    class Small:
        """A file on a disk of so many bytes."""

        def __init__(self, file: io.BufferedRandom) -> None:
            self.file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            if self.file.tell() + len(data) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    def fill(target: Path, make: Callable, **more: object) -> None:
        small = target == new
        write(target, lambda file: make(Small(file) if small else file), **more)

    write = files.write_atomically
    monkeypatch.setattr(files, "write_atomically", fill)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DiskFull, match="make room"):
        color(base, new)
    assert sorted(tmp_path.iterdir()) == before


def test_a_result_that_exists_stays(tmp_path: Path, base: Path) -> None:
    film, new = open_film(base), tmp_path / "new.mp4"
    new.write_bytes(b"mine")
    target = choose_target(film, VideoOptions(), new)
    frames = list(film.frames())
    grey = np.full(target.chroma_size, 128, np.uint8)
    write_segment(tmp_path / "1", [(f.luma, grey, grey) for f in frames], film, target)
    pts = [frame.pts for frame in frames]
    with pytest.raises(CannotWrite, match="exists already"):
        assemble(film, [tmp_path / "1"], pts, target, new)
    with pytest.raises(BadFilm, match="hold 12 frames instead of 11"):
        assemble(film, [tmp_path / "1"], pts[:11], target, new, force=True)
    with pytest.raises(BadFilm, match="hold 12 frames instead of 13"):
        assemble(film, [tmp_path / "1"], [*pts, pts[-1] + 9], target, new, force=True)
    assert new.read_bytes() == b"mine"
