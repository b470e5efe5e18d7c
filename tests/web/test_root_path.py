"""The page below a path, behind proxies that pass that path on and those that do not."""

from __future__ import annotations

import pytest
from pictures import encode, halves, refused, send


@pytest.mark.parametrize("below", ["/colour", ""], ids=["passed on", "taken away"])
def test_all_is_found_below_a_path_whether_a_proxy_passes_it_on_or_not(make_client, below):
    client = make_client(root_path="/colour", token="s3cret")
    assert "photochrom" in client.get(f"{below}/").text
    assert client.get(f"{below}/static/app.js").status_code == 200
    assert refused(client.get(f"{below}/api/health")) == (401, "unauthorized")
    right = {"authorization": "Bearer s3cret"}
    api = client.get(f"{below}/api/openapi.json", headers=right).json()
    assert api["servers"] == [{"url": "/colour"}]
    large = {"photo": ("a.png", encode(halves(900, 600)))}  # more than any other request may have
    assert len(large["photo"][1]) > 200_000
    assert client.post(f"{below}/api/photos", files=large, headers=right).status_code == 201
    for elsewhere in ("/colours/", "/api", "/colour/colour/", "/static"):
        assert client.get(elsewhere, headers=right).status_code == 404


def test_path_without_its_slash_leads_to_the_page_with_the_token(make_client):
    client = make_client(root_path="/colour")
    answer = client.get("/colour?token=a%26b", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/colour/?token=a%26b")
    foreign = client.get("/colour", headers={"host": "evil.example"}, follow_redirects=False)
    assert refused(foreign) == (421, "bad-request")


def test_nothing_is_below_a_path_that_was_not_asked_for(make_client):
    client = make_client()
    assert send(client)["width"] == 40
    for path in ("/colour", "/colour/", "/colour/api/health"):
        assert client.get(path, follow_redirects=False).status_code == 404
