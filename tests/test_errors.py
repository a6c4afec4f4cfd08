"""When something below fails, people and telephone systems are told the truth."""

from __future__ import annotations

import pytest
from django.db import OperationalError


@pytest.mark.parametrize(("error", "status"), [(OperationalError("away"), 503), (ValueError("bug"), 500)])
def test_failure_is_never_a_false_200(client, db, monkeypatch, error: Exception, status: int) -> None:
    """A PBX bridge retries on 503; a 200 for an event that was not stored would lose the call."""

    def fail(*args: object) -> str:
        raise error

    monkeypatch.setattr("callcenter.views.colour_rules", fail)
    client.raise_request_exception = False
    response = client.get("/staedte.css")
    assert response.status_code == status
    assert (response.get("Retry-After") == "5") == (status == 503)
    assert "<h1>" in response.content.decode()
