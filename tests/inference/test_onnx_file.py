"""Models that reach beyond their file are refused before a runtime sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from photochrom.errors import BadModel
from photochrom.inference import model_files as models
from photochrom.inference import onnx_file
from photochrom.inference.onnx_model import Model


def model(nodes=(), initializers=(), *, sparse=(), functions=(), **metadata):
    """A file that keeps the contract."""
    shape = ["n", 1, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Concat", ["L", "L"], ["ab"], axis=1), *nodes],
        "g",
        [helper.make_tensor_value_info("L", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("ab", TensorProto.FLOAT, ["n", 2, "h", "w"])],
        list(initializers),
        sparse_initializer=list(sparse),
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))
    helper.set_model_props(made, metadata)
    return made


def written(tmp_path: Path, made) -> Path:
    path = tmp_path / "m.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def branch(node):
    """A node that holds a node of its own."""
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    inner = helper.make_graph([node], "inner", [], [output])
    return helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)


def within(kind: str, tensor):
    """A model with a tensor at one of the places that take one."""
    constant = helper.make_node("Constant", [], ["y"], value=tensor)
    match kind:
        case "initializer":
            return model(initializers=[tensor])
        case "constant":
            return model([constant])
        case "in a branch":
            return model([branch(branch(constant))])
        case "sparse":
            indices = numpy_helper.from_array(np.array([0, 1]), "i")
            return model(sparse=[onnx.SparseTensorProto(values=tensor, indices=indices, dims=[4])])
        case "in a function":
            return model(functions=[helper.make_function("", "F", [], ["y"], [constant], [])])
    made = model()
    made.training_info.add().algorithm.initializer.append(tensor)
    return made


@pytest.mark.parametrize(
    "kind", ["initializer", "constant", "in a branch", "sparse", "in a function", "in training"]
)
def test_weights_in_other_files_are_refused(tmp_path, kind):
    (tmp_path / "secret").write_bytes(np.float32([1, 2]).tobytes())
    onnx_file.read(written(tmp_path, within(kind, numpy_helper.from_array(np.ones(2, "f"), "w"))))
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value=str(tmp_path / "secret"))
    path = written(tmp_path, within(kind, outside))
    for refuse in (onnx_file.read, Model):
        with pytest.raises(BadModel, match=r"m\.onnx keeps weights in other files: export it whol"):
            refuse(path)


def field(number: int, data: bytes) -> bytes:
    """A message within another, as protobuf writes it."""
    length, rest = b"", len(data)
    while rest > 127:
        length, rest = length + bytes([rest & 127 | 128]), rest >> 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + data


@pytest.mark.parametrize(
    "told",
    [b"\x70\x01", b"\xf0\x00\x01", b"\x70\x81\x00", b"\x70\x81\x80\x80\x80\x10"],
    ids=["plain", "long number", "long value", "33 bits"],
)
def test_that_data_are_elsewhere_cannot_be_hidden(tmp_path, told):
    data = field(7, field(5, told))
    assert onnx.load_model_from_string(data).graph.initializer[0].data_location == 1
    with pytest.raises(BadModel, match="other files"):
        onnx_file.read(written(tmp_path, data))


def test_nor_by_depth(tmp_path):
    node = field(5, field(5, b"\x70\x01"))
    for _ in range(500):
        node = field(5, field(6, field(1, node)))  # in an attribute, a graph, and its node
    with pytest.raises(BadModel, match="other files"):
        onnx_file.read(written(tmp_path, field(7, field(1, node))))


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "\x1b[2J", " "])
def test_operators_that_are_not_onnxs_own_are_refused(tmp_path, domain, inner):
    node = helper.make_node("Gelu", ["L"], ["y"], domain=domain)
    path = written(tmp_path, model([branch(node) if inner else node]))
    with pytest.raises(BadModel, match=r"calls operators of .*, which photochrom does not run"):
        Model(path)


def test_onnxs_own_operators_have_two_names(tmp_path):
    made = model([helper.make_node("Relu", ["L"], ["y"], domain="ai.onnx")])
    assert Model(written(tmp_path, made)).outputs == {"ab"}


@pytest.mark.parametrize("path", models.list_models().values(), ids=lambda path: path.stem)
def test_our_own_models_are_fine(path):
    assert onnx_file.read(path) == path.read_bytes()


def test_what_is_cut_short_anywhere_is_one_sentence(tmp_path):
    whole = model(name="toy", version="1").SerializeToString()
    for end in range(len(whole)):
        try:
            onnx_file.read(written(tmp_path, whole[:end]))
        except BadModel as error:
            assert "cannot be loaded as an ONNX model" in str(error)  # noqa: PT017
        else:  # a whole field is missing, and who looks for it will say so
            onnx.load_model_from_string(whole[:end])


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 40, b"\x0b\x0c", b"\x3a" + b"\xff" * 8 + b"\x7f", b"\xba\x80\x80\x80\x80\x01"],
)
def test_what_protobuf_does_not_write_is_one_sentence(tmp_path, data):
    with pytest.raises(BadModel, match="cannot be loaded as an ONNX model"):
        onnx_file.read(written(tmp_path, data))


def test_a_model_of_too_many_parts_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "MOST_FIELDS", 50)
    path = written(tmp_path, model([helper.make_node("Relu", ["L"], [f"y{i}"]) for i in range(50)]))
    with pytest.raises(BadModel, match="more parts than any colorizer"):
        onnx_file.read(path)


def test_words_that_are_no_text(tmp_path):
    whole = model(name="x" * 20).SerializeToString()
    for old, new in ((b"x" * 20, b"\xff" * 20), (b"\x0a\x01L", b"\x0a\x01\xff")):
        with pytest.raises(BadModel, match=r"are no text|is not a colorizer"):
            Model(written(tmp_path, whole.replace(old, new)))


def test_what_a_model_says_of_itself_is_read_without_loading_it(make_model, tmp_path):
    facts = {"name": "toy", "licence": "©", "size": "48"}
    path = make_model("toy", metadata=facts)
    assert onnx_file.read_metadata(path) == facts
    for content in (b"", path.read_bytes()[:-3], b"no model"):
        spoilt = tmp_path / "spoilt.onnx"
        spoilt.write_bytes(content)
        with pytest.raises(BadModel, match="cut short, or no ONNX model"):
            onnx_file.read_metadata(spoilt)
