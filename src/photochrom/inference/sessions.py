"""What computes a network: ONNX Runtime, or Intel's OpenVINO where that is installed.

Both are given the bytes that :mod:`photochrom.inference.onnx_file` has looked at, never a path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import onnxruntime as ort

from photochrom.color import Array
from photochrom.errors import BadModel, BadOption, MissingExtra

DEVICES = "auto", "cpu", "cuda", "openvino"
MANY = 50
"""Photos from which on OpenVINO is worth its start, 0.2 s more: 16 on two cores, 60 on eight."""
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class Input(NamedTuple):
    """What a network asks for."""

    name: str
    type: str
    """In ONNX Runtime's words: ``tensor(float)``."""
    shape: Sequence[Any]
    """Lengths; a name, or None, for one that may vary."""


class Session(Protocol):
    """A network that is ready to run; threads may share it."""

    inputs: Sequence[Input]
    outputs: Sequence[str]
    """Their names."""
    metadata: Mapping[str, str]

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """Compute the outputs of these names; raises whatever the runtime does."""
        ...


def load(content: bytes, path: Path, threads: int | None, device: str) -> Session:
    """Make a network ready.

    Args:
        content: of an ONNX file.
        path: the file, to speak of it.
        threads: of the CPU for one run; by default one per core.
        device: one of :data:`DEVICES`. "auto" takes what ``$PHOTOCHROM_DEVICE`` names; else a GPU
            if there is one that can be used, else OpenVINO if that is installed and can run the
            network, else ONNX Runtime on the CPU.

    Raises:
        BadModel: it cannot be loaded.
        BadOption: there is no such device, or no GPU.
        MissingExtra: OpenVINO is asked for and not installed.
    """
    device = _preferred(device)
    if device not in DEVICES:
        raise BadOption(f"device is {device}: take one of {', '.join(DEVICES)}.")
    if device == "openvino":
        return _load_openvino(content, path, threads)
    providers = [_CUDA, _CPU] if device != "cpu" and _has_cuda() else [_CPU]
    if device == "cuda" and _CUDA not in providers:
        raise BadOption(
            "device is cuda, but this onnxruntime cannot use one: pip install onnxruntime-gpu "
            "in place of onnxruntime, or take cpu."
        )
    if device == "auto" and _CUDA not in providers and _has_openvino():
        with suppress(BadModel, MissingExtra):  # ONNX Runtime runs it, or says what is wrong
            return _load_openvino(content, path, threads)
    session = OnnxRuntime(content, path, threads, providers)
    if device == "cuda" and not session.has_gpu:  # it falls back without a word
        raise BadOption("device is cuda, but no GPU answers: check its driver, or take cpu.")
    return session


def settle_device(device: str, photos: int) -> str:
    """What to take for so many photos: of few, "auto" does without OpenVINO (:data:`MANY`)."""
    device = _preferred(device)
    few = photos < MANY and _has_openvino() and not _has_cuda()
    return "cpu" if device == "auto" and few else device


def _preferred(device: str) -> str:
    """The device that the environment names in the place of "auto"."""
    return os.environ.get("PHOTOCHROM_DEVICE", device) if device == "auto" else device


def _has_cuda() -> bool:
    return _CUDA in ort.get_available_providers()


def _has_openvino() -> bool:
    return find_spec("openvino") is not None


def _load_openvino(content: bytes, path: Path, threads: int | None) -> Session:
    try:
        from photochrom.inference.openvino_session import OpenVino
    except ImportError as error:
        raise MissingExtra("openvino", "openvino") from error
    return OpenVino(content, path, threads)


class OnnxRuntime:
    """A network in ONNX Runtime.

    Raises:
        BadModel: it cannot be loaded.
    """

    def __init__(
        self, content: bytes, path: Path, threads: int | None, providers: list[str]
    ) -> None:
        ort.disable_telemetry_events()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or 0  # 0: one per core
        options.log_severity_level = 4  # what is an error comes as one; logged, in a model's words
        options.add_session_config_entry("session.load_model_format", "ONNX")  # as looked at
        # Its threads would go on spinning for work, and slow whatever numpy does with their answer.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                content,
                options,
                providers=providers,
                enable_fallback=len(providers) > 1,  # it prints, even where there is nothing else
            )
        except Exception as error:  # the runtime has an exception of its own for every cause
            raise BadModel(
                f"{path} cannot be loaded as an ONNX model ({first_line(error)}): "
                "export or fetch it again."
            ) from error
        try:
            known: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.metadata: Mapping[str, str] = known
            self.outputs: Sequence[str] = [value.name for value in self._session.get_outputs()]
            self.inputs: Sequence[Input] = [
                Input(value.name, value.type, value.shape) for value in self._session.get_inputs()
            ]
        except UnicodeDecodeError as error:
            raise BadModel(
                f"{path} has names or metadata that are no text: export it again."
            ) from error
        self.has_gpu = _CUDA in self._session.get_providers()

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """Compute the outputs of these names."""
        return list(self._session.run(list(outputs), dict(inputs)))


def first_line(error: Exception) -> str:
    """What an exception says first, or its kind."""
    return (str(error).splitlines() or [type(error).__name__])[0]
