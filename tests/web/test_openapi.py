"""The API keeps what its own description says, whatever is asked of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import encode, halves, send
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error, status_code_conformance
from schemathesis.python import asgi
from schemathesis.specs.openapi import checks

CHECKS = [
    not_a_server_error, status_code_conformance,
    checks.content_type_conformance, checks.response_schema_conformance,
]  # fmt: skip


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_api_keeps_to_its_description(make_client, examples):
    client = make_client(hosts=["localhost", asgi.HOST])
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", client.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 13
    photo, answers = encode(halves(40, 30)), Counter()

    def hold(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(mode), known=st.booleans())
        def holds(case: Any, known: bool) -> None:
            if known and "id" in (case.path_parameters or {}):
                case.path_parameters["id"] = send(client, photo)["id"]
            if known and isinstance(case.body, dict) and "photo" in case.body:
                case.body["photo"] = photo
            answer = case.call_and_validate(session=session, checks=CHECKS, timeout=300)
            assert answer.headers["x-content-type-options"] == ["nosniff"]
            answers[answer.status_code] += 1

        holds()

    with asgi.get_client(client.app) as session:
        for operation in operations:
            hold(operation, GenerationMode.POSITIVE)
            if operation.body or operation.path_parameters or operation.query:
                hold(operation, GenerationMode.NEGATIVE)
    assert answers[200] > examples  # or it would all be about refusals
    assert answers[201] > 0
