"""Networks in Intel's OpenVINO, on the CPU; imported only where it is installed.

Where the processor multiplies bfloat16 numbers, so does the network: twice as many at a time, of
8 bits of precision and the range of float32. What comes out is float32.
"""

from __future__ import annotations

import io
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadModel
from photochrom.inference import onnx_file
from photochrom.inference.sessions import Input
from photochrom.parallel import cores

_TELEMETRY = "openvino_telemetry"
if "openvino" not in sys.modules and _TELEMETRY not in sys.modules:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # or the import reports to Google
    try:
        import openvino as ov
    finally:
        del sys.modules[_TELEMETRY]
else:
    import openvino as ov
from openvino.frontend import FrontEndManager  # noqa: E402

_KEPT = 320
"""Compiled layers of each stream that are kept: those of hintnet for four shapes or five, which
are an album's. Of 5,000, OpenVINO's own number, two streams come to take 740 MB, of these 580."""


class OpenVino:
    """A network in OpenVINO; threads may share it, each of their runs has a request of its own.

    Shapes may vary from run to run: what is made for the latest few is kept.

    Args:
        content: of an ONNX file.
        path: the file, to speak of it.
        threads: for one run; by default one per core. So many runs are under way at a time as
            that leaves cores for.

    Raises:
        BadModel: it cannot be loaded.
    """

    def __init__(self, content: bytes, path: Path, threads: int | None) -> None:
        threads = threads or cores()
        streams = max(1, cores() // threads)
        core = ov.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        asked = {
            "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in able else "f32",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams * threads,
            "CPU_RUNTIME_CACHE_CAPACITY": _KEPT,
            "ENABLE_CPU_PINNING": False,  # or all processes would share the first core
        }
        try:
            onnx = FrontEndManager().load_by_framework("onnx")  # as the file was looked at
            read = onnx.load(io.BytesIO(content))
            self._compiled = core.compile_model(onnx.convert(read), "CPU", asked)
            self.metadata: Mapping[str, str] = onnx_file.parse_metadata(content)
            # By their places: what is called alike within the network shares its name with them.
            self._outputs = {name: i for i, name in enumerate(_names(read.get_outputs()))}
            known = zip(_names(read.get_inputs()), self._compiled.inputs, strict=True)
            self.inputs: Sequence[Input] = [Input(name, *_kind(port)) for name, port in known]
            self.outputs: Sequence[str] = list(self._outputs)
        except Exception as error:  # the runtime has an exception of its own for every cause
            raise BadModel(
                f"{path} cannot be loaded by OpenVINO ({_cause(error)}): take another device."
            ) from error
        self._idle: deque[Any] = deque()

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """Compute the outputs of these names."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            known = {i: inputs[given.name] for i, given in enumerate(self.inputs)}
            answers = request.infer(known, share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise RuntimeError(_cause(error)) from error
        taken = [np.array(answers[self._outputs[name]]) for name in outputs]
        self._idle.append(request)
        return taken


def _names(places: Sequence[Any]) -> list[str]:
    return [place.get_names()[0] for place in places]


def _kind(port: Any) -> tuple[str, list[int | None]]:
    """Type and shape of an input, as ONNX Runtime has them."""
    kind = "tensor(float)" if port.element_type == ov.Type.f32 else port.element_type.to_string()
    if port.partial_shape.rank.is_dynamic:
        return kind, [None]
    return kind, [n.get_length() if n.is_static else None for n in port.partial_shape]


_AROUND = "Exception from", "Check 'false' failed", "FrontEnd API failed", "Model wasn't", "Summary"


def _cause(error: Exception) -> str:
    """What of the words of an exception says why: around it are places in OpenVINO's source."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(_AROUND)]
    return (said or [type(error).__name__])[0]
