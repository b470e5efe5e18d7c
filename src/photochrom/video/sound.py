"""Sound that no container holds by PyAV, such as WMA or ADPCM: it is decoded and written anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from av.error import FFmpegError

from photochrom.video import containers

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import OutputContainer


class Rewritten:
    """A track of a result whose sound is written anew."""

    def __init__(self, result: OutputContainer, stream: AudioStream) -> None:
        self._track = containers.add_rewritten(result, stream)
        self._stream = stream

    def write(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """Packets of the track for one of the film's; None for its end. What is damaged is left."""
        try:
            frames = self._stream.decode(packet)
        except FFmpegError:
            frames = []
        for frame in frames:
            yield from self._track.encode(frame)
        if packet is None:
            yield from self._track.encode(None)
