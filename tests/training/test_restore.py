from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import photochrom
from photochrom.errors import BadModel
from photochrom.training.models import build
from photochrom.training.restore import from_onnx, settle_norms

BUNDLED = Path(photochrom.__file__).parent / "weights" / "hintnet.onnx"


def lightness(*shape: int) -> torch.Tensor:
    """Smooth, as photos are."""
    draw = torch.Generator().manual_seed(1)
    rough = torch.rand(shape[0], 1, 4, 4, generator=draw) * 100
    return torch.nn.functional.interpolate(rough, shape[1:], mode="bilinear")


def answer(network, L: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return network.eval()(L).numpy()


@pytest.fixture(scope="module")
def bundled():
    network = build("hintnet")
    from_onnx(network, BUNDLED)
    return network


def test_the_bundled_model_comes_back_whole(bundled):
    import onnxruntime

    L = lightness(2, 64, 96)
    session = onnxruntime.InferenceSession(str(BUNDLED))
    feed = {
        "L": L.numpy(),
        "hints": np.zeros((2, 3, 64, 96), np.float32),
        "vivid": np.array(1, np.float32),  # no class weights taken out again
        "temperature": np.array(0.5, np.float32),
    }
    with torch.no_grad():
        ours = bundled.eval().answer(L, vivid=torch.tensor(1.0), temperature=torch.tensor(0.5))
    assert np.abs(session.run(["ab"], feed)[0] - ours["ab"].numpy()).max() < 1e-2


def test_settled_norms_change_no_answer_and_hold_their_statistics(bundled):
    bundled = copy.deepcopy(bundled)  # the other tests are of the file's own
    L = lightness(4, 64, 64)
    before = answer(bundled, L)
    settle_norms(bundled, L)
    assert np.abs(answer(bundled, L) - before).max() < 1e-3
    norm = bundled.backbone.ups[0].norm0
    seen = []
    hook = norm.register_forward_hook(lambda m, x, y: seen.append(x[0]))
    answer(bundled, L)
    hook.remove()
    assert torch.allclose(seen[0].mean((0, 2, 3)), norm.running_mean, atol=1e-3)
    # So training, which normalises by the batch, begins close to where the file ends.
    bundled.train()
    with torch.no_grad():
        trained = bundled(L).numpy()
    assert np.abs(trained - before).mean() < 0.1 * np.abs(before).mean()


def test_a_bias_that_adds_nothing_and_is_left_out_is_nothing_again(tmp_path):
    """So the exporter treats the context's before it has learned."""
    older = onnx.load(BUNDLED)
    kept = [tensor for tensor in older.graph.initializer if ".context.bias" not in tensor.name]
    assert len(kept) < len(older.graph.initializer)
    del older.graph.initializer[:]
    older.graph.initializer.extend(kept)
    onnx.save(older, tmp_path / "older.onnx")
    network = build("hintnet")
    from_onnx(network, tmp_path / "older.onnx")
    assert not network.backbone.context.bias.any()
    assert network.backbone.context.weight.any()


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(BadModel, match="cannot be read"):
        from_onnx(build("cnn-rgb"), tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_bytes(b"this is text")
    with pytest.raises(BadModel):
        from_onnx(build("cnn-rgb"), tmp_path / "text.onnx")
    with pytest.raises(BadModel, match="no export of this model"):
        from_onnx(build("cnn-rgb"), BUNDLED)
