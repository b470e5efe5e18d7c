"""What computes a network on which device, and what is said where it cannot."""

from __future__ import annotations

import sys

import pytest

from photochrom.errors import BadModel, BadOption, MissingExtra
from photochrom.inference import sessions
from photochrom.inference.onnx_model import Model

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture
def providers(monkeypatch):
    """What ONNX Runtime has; and of what it was asked for."""
    there, asked, load = [CPU], [], sessions.ort.InferenceSession

    def note(content, options, providers, **more):
        asked.append(providers)
        return load(content, options, providers=[CPU])  # it falls back silently

    monkeypatch.setattr(sessions.ort, "get_available_providers", lambda: there)
    monkeypatch.setattr(sessions.ort, "InferenceSession", note)
    monkeypatch.setattr(sessions, "_has_openvino", lambda: False)
    return there, asked


@pytest.fixture(autouse=True)
def _no_device_in_the_environment(monkeypatch):
    monkeypatch.delenv("PHOTOCHROM_DEVICE")


@pytest.fixture
def openvino(monkeypatch):
    """A stand-in for OpenVINO's sessions, as if it were installed."""
    opened = []

    def load(content, path, threads):
        opened.append(path)
        return sessions.OnnxRuntime(content, path, threads, [CPU])

    monkeypatch.setattr(sessions, "_has_openvino", lambda: True)
    monkeypatch.setattr(sessions, "_load_openvino", load)
    return opened


def test_without_cuda_only_the_cpu_is_asked_for(make_model, providers):
    for device in ("auto", "cpu"):
        Model(make_model(), device=device)
    assert providers[1] == [[CPU], [CPU]]
    with pytest.raises(BadOption, match="cannot use one: pip install onnxruntime-gpu"):
        Model(make_model(), device="cuda")


def test_a_gpu_is_asked_for_where_there_may_be_one(make_model, providers, openvino):
    there, asked = providers
    there.insert(0, CUDA)
    Model(make_model(), device="auto")  # none answers, which is fine
    Model(make_model(), device="cpu")
    assert asked == [[CUDA, CPU], [CPU]]
    with pytest.raises(BadOption, match="no GPU answers: check its driver, or take cpu"):
        Model(make_model(), device="cuda")
    assert openvino == []


def test_openvino_is_taken_where_it_is_installed_and_there_is_no_gpu(
    make_model, providers, openvino
):
    for device in ("auto", "openvino", "cpu"):
        Model(make_model(device), device=device)
    assert [path.stem for path in openvino] == ["auto", "openvino"]


def test_what_openvino_cannot_run_is_run_without_it_unless_it_is_insisted_on(
    make_model, providers, openvino, monkeypatch
):
    def refuse(content, path, threads):
        raise BadModel("It has an operator.")

    monkeypatch.setattr(sessions, "_load_openvino", refuse)
    assert isinstance(Model(make_model(), device="auto")._session, sessions.OnnxRuntime)
    with pytest.raises(BadModel, match="It has an operator"):
        Model(make_model(), device="openvino")


def test_without_openvino_its_extra_is_named(make_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "photochrom.inference.openvino_session", raising=False)
    with pytest.raises(MissingExtra, match=r"needs openvino, .* 'photochrom\[openvino\]'\.$"):
        Model(make_model(), device="openvino")
    assert sys.modules.get("openvino_telemetry", "") is not None  # hidden during the import alone
    Model(make_model(), device="auto")


def test_few_photos_do_not_wait_for_openvino_to_start(providers, openvino, monkeypatch):
    few, many = sessions.MANY - 1, sessions.MANY
    settle = sessions.settle_device
    assert [settle("auto", few), settle("auto", many)] == ["cpu", "auto"]
    assert [settle(device, few) for device in ("openvino", "cuda")] == ["openvino", "cuda"]
    providers[0].insert(0, CUDA)
    assert settle("auto", few) == "auto"
    monkeypatch.setattr(sessions, "_has_openvino", lambda: False)
    assert settle("auto", few) == "auto"


def test_the_environment_says_what_auto_takes(make_model, providers, openvino, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_DEVICE", "cpu")
    for device in ("auto", "openvino"):
        Model(make_model(device), device=device)
    assert [path.stem for path in openvino] == ["openvino"]
    assert sessions.settle_device("auto", sessions.MANY) == "cpu"
    monkeypatch.setenv("PHOTOCHROM_DEVICE", "openvino")
    assert sessions.settle_device("auto", 1) == "openvino"


def test_devices_that_there_are_not(make_model):
    for device in ("tpu", "", "CUDA"):
        with pytest.raises(BadOption, match="take one of auto, cpu, cuda, openvino"):
            Model(make_model(), device=device)
