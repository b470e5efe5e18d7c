"""Models fetched from a server on this machine: right and whole in the cache, or not there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model_server import COMMIT
from photochrom import Colorizer
from photochrom.errors import BadModel, BadOption, DiskFull, PhotochromError
from photochrom.inference.model_files import find_model
from photochrom.storage import download, model_cache

DATA = np.random.default_rng(0).bytes(3_000_000)


def contents(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.name != ".lock")


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hub(model_server, make_model):
    """A server with the repository me/toy, which holds one model."""
    model_server.repositories["me/toy"] = {
        "README.md": b"# toy",
        "model.onnx": make_model("toy").read_bytes(),
    }
    return model_server


# --- from_pretrained ----------------------------------------------------------------------------


def test_a_model_of_the_hub_colours_as_its_file_does_and_is_fetched_once(hub, make_model, cache):
    L = np.full((1, 1, 32, 32), 50, np.float32)
    far = Colorizer.from_pretrained("hf://me/toy", threads=1)
    np.testing.assert_array_equal(far.predict(L), Colorizer(make_model("toy")).predict(L))
    asked = len(hub.asked)
    assert Colorizer("hf://me/toy").model.path == far.model.path
    assert len(hub.asked) == asked
    assert far.model.path.name == "toy.onnx"
    (known,) = model_cache.list_cached()
    assert (known.source, known.commit) == ("hf://me/toy", COMMIT)
    assert contents(cache) == ["sources.jsonl", "toy.onnx"]


def test_a_revision_a_file_and_a_digest_may_be_named(hub, make_model):
    other = make_model("other", offset=(1.0, 2.0)).read_bytes()
    hub.repositories["me/toy"]["more/other.onnx"] = other
    path = find_model("hf://me/toy@v1/more/other.onnx")
    assert (path.name, path.read_bytes()) == ("other.onnx", other)
    assert find_model("hf://me/toy").name == "toy.onnx"  # model.onnx, as nothing else is named
    assert find_model(f"hf://me/toy#sha256={path.parent.name}") == path  # whatever it is called
    del hub.repositories["me/toy"]["model.onnx"]
    hub.repositories["me/toy"]["b.onnx"] = b""
    with pytest.raises(
        BadModel, match=r"several .onnx files \(b.onnx, more/other.onnx\): name one"
    ):
        find_model("hf://me/toy", cache=path.parents[3] / "new")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf://me/none", "There is no me/none at 127.0.0.1 that you may read: check the name, and"),
        ("hf://me/toy@v9", "me/toy has no revision v9"),
        ("hf://me/toy/a.onnx", "me/toy has no a.onnx: its .onnx files are: model.onnx"),
        ("hf://me/toy#sha256=" + "0" * 64, "Nothing was fetched"),
    ],
)
def test_what_the_hub_does_not_have_is_said(hub, cache, address, words):
    with pytest.raises(BadModel, match=words):
        find_model(address)
    assert contents(cache) == []


def test_the_token_goes_to_the_hub_and_to_no_other(hub, monkeypatch):
    path, data = f"/me/toy/resolve/{COMMIT}/model.onnx", hub.repositories["me/toy"]["model.onnx"]
    hub.files["/elsewhere"] = data
    hub.redirects[path] = hub.url.replace("127.0.0.1", "localhost") + "/elsewhere"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert find_model("hf://me/toy").read_bytes() == data
    sent = {where: headers.get("authorization") for where, headers in hub.asked}
    assert sent.pop("/elsewhere") is None
    assert set(sent.values()) == {"Bearer hf_secret"}
    assert len(sent) == 2


def test_no_address_leads_away_from_https(model_server, cache):
    for away in ("http://models.example/toy.onnx", "file:///etc/passwd"):
        address = model_server.address(DATA)
        model_server.redirects["/toy.onnx"] = away
        with pytest.raises(BadOption, match="is not a https address"):
            find_model(address)
    assert contents(cache) == []


@pytest.mark.parametrize("endpoint", ["http://hub.example", "hub.example"])
def test_nor_does_the_hubs(hub, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(BadOption, match="is not a https address"):
        find_model("hf://me/toy")


def test_a_gated_repository_is_described_to_all_and_given_to_few(hub, cache):
    for status in (401, 403):
        hub.failures = [0, status]
        with pytest.raises(BadModel, match="accepted its terms: do so on its page at the Hub"):
            find_model("hf://me/toy")
    assert contents(cache) == []


# --- cuts and changes ---------------------------------------------------------------------------


def test_after_a_cut_the_rest_is_fetched_and_no_more(model_server):
    address = model_server.address(DATA)
    model_server.failures = [-2_000_000, 503]
    assert find_model(address).read_bytes() == DATA
    ranges = [headers.get("range") for headers in model_server.fetches()]
    assert ranges == [None, "bytes=2000000-", "bytes=2000000-"]
    assert all("if-range" in headers for headers in model_server.fetches()[1:])


def test_a_later_process_goes_on_where_one_gave_up(model_server, cache):
    address = model_server.address(DATA)
    model_server.failures = [-2_000_000, 503, 503, 503, 503]
    with pytest.raises(PhotochromError, match=r"127.0.0.1 does not send the model \(error 503\)"):
        find_model(address)
    assert contents(cache) == [".etag", ".part"]
    assert find_model(address).read_bytes() == DATA
    assert model_server.fetches()[-1]["range"] == "bytes=2000000-"
    assert contents(cache) == ["sources.jsonl", "toy.onnx"]


@pytest.mark.parametrize("tells_versions", [True, False])
def test_what_changed_in_between_is_not_pieced_together(model_server, monkeypatch, tells_versions):
    if not tells_versions:  # then only the digest shows it
        monkeypatch.setattr(download._Part, "begin", _begin_without_etag(download._Part.begin))
    address = model_server.address(DATA)
    model_server.files["/toy.onnx"] = DATA[::-1]
    model_server.failures = [-1_500_000, 503, 503, 503, 503]
    with pytest.raises(PhotochromError, match="goes on from here"):
        find_model(address)
    model_server.files["/toy.onnx"] = DATA
    assert find_model(address).read_bytes() == DATA


def _begin_without_etag(begin):
    return lambda part, _: begin(part, "")


def test_a_part_that_is_too_long_is_begun_anew(model_server):
    address = model_server.address(DATA)
    place = model_cache.cache_folder() / "models" / address[-64:]
    place.mkdir(parents=True)
    (place / ".part").write_bytes(DATA + b"more")
    assert find_model(address).read_bytes() == DATA
    (place / "toy.onnx").rename(place / ".part")  # killed just before it had its name
    asked = len(model_server.asked)
    assert find_model(address).read_bytes() == DATA
    assert len(model_server.asked) == asked


# --- nothing wrong is kept ----------------------------------------------------------------------


def test_another_file_than_was_asked_for_is_not_kept(model_server, cache):
    address = model_server.address(DATA)
    model_server.files["/toy.onnx"] = DATA[:-1]
    with pytest.raises(BadModel, match=r"toy.onnx is not the file that was asked for: its SHA-256"):
        find_model(address)
    assert contents(cache) == []
    assert model_cache.list_cached() == []


def test_what_is_not_there_or_too_large_is_said(model_server):
    address = model_server.address(DATA)
    monkey = address.replace("/toy", "/none")
    with pytest.raises(BadModel, match=r"none.onnx cannot be fetched \(error 404\)"):
        find_model(monkey)
    parsed = model_cache.ModelAddress(address.partition("#")[0], address[-64:])
    with pytest.raises(BadModel, match="is too large for a model"):
        model_cache.fetch_model(parsed, most=1_000_000)


def test_a_file_that_is_no_model_is_fetched_and_refused(model_server):
    with pytest.raises(BadModel, match=r"notes.onnx cannot be loaded as an ONNX model"):
        Colorizer(model_server.address(b"not a model at all", "/notes.onnx"))


def test_a_full_disk_has_its_sentence(model_server, monkeypatch):
    def full(part, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download._Part, "append", full)
    with pytest.raises(DiskFull, match="make room, then go on"):
        find_model(model_server.address(DATA))


# --- the cache ----------------------------------------------------------------------------------


def test_offline_what_is_there_is_taken_and_the_rest_is_refused(hub, cache, monkeypatch):
    with pytest.raises(BadModel, match="run photochrom models --fetch hf://me/toy once while"):
        find_model("hf://me/toy", offline=True)
    assert hub.asked == []
    path = find_model("hf://me/toy")
    assert find_model("hf://me/toy", offline=True) == path
    for switch in ("PHOTOCHROM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(switch, "1")
        assert find_model("hf://me/toy") == path
        with pytest.raises(BadModel, match="nothing is fetched offline"):
            find_model("hf://me/toy@v1")
        monkeypatch.delenv(switch)


def test_a_cached_file_that_was_spoilt_is_fetched_again(hub):
    path = find_model("hf://me/toy")
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"!")
    with pytest.raises(BadModel, match="nothing is fetched offline"):
        find_model("hf://me/toy", offline=True)
    assert find_model("hf://me/toy").read_bytes() == right


def test_what_has_changed_on_the_hub_is_taken_when_it_is_asked_for(hub, make_model):
    first = find_model("hf://me/toy")
    hub.repositories["me/toy"]["model.onnx"] = make_model("new", offset=(9.0, 9.0)).read_bytes()
    assert find_model("hf://me/toy") == first
    address = model_cache.ModelAddress("hf://me/toy", repository="me/toy")
    renewed = model_cache.fetch_model(address, most=10**9, renew=True)
    assert renewed != first
    assert find_model("hf://me/toy", offline=True) == renewed
    assert find_model(f"hf://me/toy#sha256={first.parent.name}", offline=True) == first


def test_however_many_fetch_at_once_it_comes_once(model_server):
    address = model_server.address(DATA)
    model_server.gate = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        paths = [pool.submit(find_model, address) for _ in range(4)]
        model_server.gate.set()
    assert len({path.result() for path in paths}) == 1
    assert len(model_server.fetches()) == 1


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"PHOTOCHROM_CACHE": "/mine"}, Path("/mine")),
        ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/photochrom")),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_the_cache_lies_where_the_user_or_the_system_says(
    monkeypatch, tmp_path, environment, folder
):
    for name in ("PHOTOCHROM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert model_cache.cache_folder() == (folder or tmp_path / ".cache" / "photochrom")
