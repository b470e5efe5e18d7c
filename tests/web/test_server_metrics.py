"""Figures for operators: right, bounded, and of nobody's photos."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pictures import refused, send

parser = pytest.importorskip("prometheus_client.parser")


def read(client: Any, **headers: str) -> dict[tuple[str, ...], float]:
    """Each figure by its name and the values of its labels."""
    answer = client.get("/api/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_queues_and_photos_are_counted(make_client):
    client = make_client(metrics=True)
    key = send(client, name="grandmother.png")["id"]
    assert client.post(f"/api/photos/{key}/colorize", json={}).status_code == 200
    assert client.get("/static/app.js").status_code == 200
    assert client.get("/api/health", headers={"host": "evil.example"}).status_code == 421
    told = read(client)
    count = "photochrom_requests_total"
    assert told[count, "POST", "/api/photos", "2xx"] == 1
    assert told[count, "POST", "/api/photos/{id}/colorize", "2xx"] == 1
    assert told[count, "GET", "/static", "2xx"] == 1
    assert told[count, "GET", "other", "4xx"] == 1
    assert told["photochrom_request_seconds_count", "/api/photos"] == 1
    for queue in ("previews", "files"):
        assert told["photochrom_queue_wait_seconds_count", queue] == 1
        assert told["photochrom_work_seconds_count", queue] == 1
        assert told["photochrom_queue_waiting", queue] == 0
    assert told["photochrom_photos",] == 1
    assert told["photochrom_photos_bytes",] > 40 * 30
    if sys.platform == "linux":
        assert told["photochrom_memory_bytes", "server"] > 1e7
        assert told["photochrom_memory_bytes", "files"] > 1e6
    assert not any("grandmother" in part or key in part for names in told for part in names)


def test_clients_cannot_make_more_labels(make_client):
    client = make_client(metrics=True)
    before = len(read(client)) + len(read(client))
    for n in range(20):
        client.request(f"ODD{n}", f"/none/{n}?{n}", headers={"x-forwarded-for": f"192.0.2.{n}"})
        client.get(f"/api/photos/{n}")
    assert len(read(client)) < before


def test_refusals_for_want_of_room_are_counted(make_client, monkeypatch):
    client = make_client(metrics=True)
    key = send(client)["id"]
    queue = client.app.state.services.previews
    monkeypatch.setattr(queue, "_free", [])
    monkeypatch.setattr(queue, "most", 0)
    assert refused(client.post(f"/api/photos/{key}/colorize", json={})) == (503, "busy")
    assert read(client)["photochrom_refused_total",] == 1


def test_metrics_are_told_only_if_asked_for_and_to_whom_all_else_is(make_client):
    assert make_client().get("/api/metrics").status_code == 404
    client = make_client(metrics=True, token="s3cret")
    assert refused(client.get("/api/metrics")) == (401, "unauthorized")
    foreign = client.get("/api/metrics", headers={"host": "evil.example"})
    assert refused(foreign) == (421, "bad-request")
    assert read(client, authorization="Bearer s3cret")


def test_missing_package_is_said_with_its_extra(make_client, monkeypatch):
    from photochrom.errors import MissingExtra

    monkeypatch.delitem(sys.modules, "photochrom.web.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"photochrom\[metrics\]"):
        make_client(metrics=True)
