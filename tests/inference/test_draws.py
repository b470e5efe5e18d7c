"""A generator's draws: they follow the flow, and know a colorizer's colours by its own."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from photochrom.errors import BadModel
from photochrom.inference.generator import TEMPERATURE, UNIT, Generator, plan_steps, resize_planes
from photochrom.inference.model_files import find_generator, list_models

SIZE = (64, 96)


def oracle(mean, deviation, seen):
    """A network that knows chroma to be normal: it answers what is likeliest behind the noise."""

    def run(outputs, inputs):
        assert outputs == ["clean"]
        seen.append(inputs)
        z, t = inputs["noisy"], inputs["time"]
        share = t * deviation**2 / (t**2 * deviation**2 + (1 - t) ** 2)
        return [(mean + share * (z - t * mean)).astype(np.float32)]

    return SimpleNamespace(run=run)


@pytest.fixture
def generator():
    """The bundled one, whose network is another."""
    return Generator()


def rngs(n):
    return [np.random.default_rng(i) for i in range(n)]


def test_draws_are_of_the_distribution_that_the_network_knows(generator):
    generator._session = oracle(0.5, 1.0, seen := [])
    logits = np.zeros((261, 16, 24), np.float32)
    drawn = generator.draw(logits, generator.centres, SIZE, rngs(3))
    assert drawn.shape == (3, 2, 4, 6)
    assert drawn.mean() == pytest.approx(0.5 * UNIT, abs=5)
    assert drawn.std() == pytest.approx(TEMPERATURE * UNIT, rel=0.4)
    assert [float(step["time"][0]) for step in seen] == pytest.approx(
        [step.time for step in plan_steps()]
    )
    assert all(step["logits"].shape == (1, 261, 16, 24) for step in seen)
    assert seen[0]["noisy"].std() == pytest.approx(TEMPERATURE, rel=0.25)


def test_a_draw_is_its_own_seeds(generator):
    generator._session = oracle(0.0, 1.0, [])
    logits = np.zeros((261, 16, 24), np.float32)
    many, one = (generator.draw(logits, generator.centres, SIZE, rngs(n)) for n in (20, 1))
    assert len(many) == 20
    np.testing.assert_allclose(many[:1], one, atol=1e-4)
    assert np.abs(many[0] - many[1:]).mean((1, 2, 3)).min() > 1


def test_other_colours_and_other_sizes_are_told_as_its_own(generator):
    """Two colours near the same one count together; cells are averaged or interpolated."""
    generator._session = oracle(0.0, 1.0, seen := [])
    target = generator.centres[100]
    centres = np.stack([target + 1, target - 1, generator.centres[7]])
    logits = np.log(np.float32([0.3, 0.3, 0.4]))[:, None, None] * np.ones((1, 8, 12), np.float32)
    generator.draw(logits, centres, SIZE, rngs(1))
    told = np.exp(seen[0]["logits"][0])
    assert told.shape == (261, 16, 24)
    np.testing.assert_allclose(told[[100, 7]], [[[0.6]], [[0.4]]] * np.ones((1, 16, 24)), rtol=1e-4)
    np.testing.assert_allclose(told.sum(0), 1, rtol=1e-4)


def test_planes_that_get_smaller_are_averaged():
    planes = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    np.testing.assert_allclose(resize_planes(planes, (2, 2)), [[[2.5, 4.5], [10.5, 12.5]]])
    assert resize_planes(planes, (4, 4)) is planes


def test_steps_are_denser_at_the_start_and_end_at_the_clean_chroma():
    assert [step.time for step in plan_steps(2, 1.0)] == [0, 0.5]
    steps = plan_steps(4, 3.0)
    assert [step.time for step in steps] == pytest.approx([0, 0.1, 0.25, 0.5])
    assert [step.share for step in steps] == pytest.approx([0.1, 1 / 6, 1 / 3, 1])
    # From logit 0.25 to 0.5 it is log 3; from 0.1 to 0.25 also: half as far beyond.
    assert [step.beyond for step in steps] == pytest.approx([0, 0, 0.5, 0])


@pytest.mark.parametrize("deviation", [1.5, 4, 8])
def test_eight_steps_draw_colours_as_various_as_they_are(generator, deviation):
    """Of things, that is: the noise in each of many cells tells about what they have in common."""
    generator._session = oracle(0.0, deviation, [])
    logits = np.zeros((261, 64, 64), np.float32)
    drawn = generator.draw(logits, generator.centres, (256, 256), rngs(4)) / UNIT
    noise = np.stack([rng.standard_normal((2, 16, 16), np.float32) for rng in rngs(4)])
    shrunk = drawn / (TEMPERATURE * noise * deviation)
    assert np.median(shrunk) == pytest.approx(1, abs=0.13)


def test_one_of_ones_own_takes_the_place_of_the_packages(tmp_path, monkeypatch):
    assert find_generator().is_file()
    assert "generator" not in list_models()
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path))
    bundled = find_generator()
    assert bundled.parent != tmp_path
    (tmp_path / "generator.onnx").write_bytes(bundled.read_bytes())
    assert find_generator().parent == tmp_path
    assert "generator" not in list_models()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Where one of one's own would lie."""
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path))
    return tmp_path / "generator.onnx"


def test_a_colorizer_in_its_place_is_refused(own, make_model, make_toy):
    own.write_bytes(make_model("other").read_bytes())
    with pytest.raises(BadModel, match=r"generator\.onnx is no generator: export a run of one"):
        make_toy(tells=("logits",)).sample_hints(np.full((40, 40), 128, np.uint8), 1)


@pytest.mark.parametrize(
    "facts", [{"size": "none"}, {"size": "31"}, {"centres": "[1, 2, 3]"}, {"centres": "[]"}, {}]
)
def test_a_file_that_does_not_say_what_it_is_is_refused(own, facts):
    model = onnx.load(find_generator())
    known = {prop.key: prop.value for prop in model.metadata_props} if facts else {}
    onnx.helper.set_model_props(model, known | facts)
    onnx.save(model, own)
    with pytest.raises(BadModel, match="needs a size and pairs of numbers as centres"):
        Generator()


@pytest.mark.parametrize("answer", [np.zeros((1, 2, 4, 4)), np.full((1, 2, 4, 6), np.nan)])
def test_answers_that_are_no_chroma_are_refused(generator, answer):
    generator._session = SimpleNamespace(run=lambda outputs, inputs: [answer])
    logits = np.zeros((261, 16, 24), np.float32)
    with pytest.raises(BadModel, match="answers no chroma"):
        generator.draw(logits, generator.centres, SIZE, rngs(1))
