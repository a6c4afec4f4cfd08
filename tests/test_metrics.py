"""Figures for Prometheus: behind a token, without anything personal."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from billing.models import Outbox
from callcenter.calls.models import Call
from tenants.models import Line, Tenant
from tenants.scope import all_cities

pytestmark = pytest.mark.django_db
TOKEN = {"Authorization": "Bearer for-the-scraper"}


@pytest.fixture(autouse=True)
def _token(settings) -> None:
    settings.METRICS_TOKEN = "for-the-scraper"


def test_metrics_do_not_exist_without_a_token(client: Client, settings) -> None:
    """Nobody who sets nothing publishes figures."""
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Bearer ", "Bearer für"])
def test_metrics_refuse_a_wrong_token(client: Client, given: str) -> None:
    """How many people call is not for everybody."""
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 401


def test_metrics_count_what_an_alarm_needs(client: Client, duisburg: Tenant, lines: dict[str, Line]) -> None:
    """A stuck outbox or calls without a city must ring at the people who run the program, and name nobody."""
    now = timezone.now()
    with all_cities("test"):
        Call.objects.create(tenant=duisburg, line=lines["duisburg"], offered_at=now)
        Call.objects.create(offered_at=now)
        Call.objects.create(offered_at=now, ended_at=now, state="ended")
    Outbox.objects.create(key="mail:1", kind="mail", not_before=now, attempts=2)
    Outbox.objects.update(created_at=now - timedelta(hours=1))
    text = client.get("/metrics", headers=TOKEN).content.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values['callcenter_calls_open{state="offered"}'] == "2"
    assert values["callcenter_calls_open_unassigned"] == "1"
    assert values["callcenter_outbox_failing"] == "1"
    assert 3599 < float(values["callcenter_outbox_oldest_seconds"]) < 3700
    assert "Duisburg" not in text
    for line in text.splitlines():
        assert re.match(r'^(# (HELP|TYPE) callcenter_\w+ .+|callcenter_\w+(\{\w+="\w+"\})? [\d.e+]+)$', line), line


def test_metrics_take_the_same_queries_for_any_volume(client: Client, django_assert_num_queries) -> None:
    """A scrape every fifteen seconds must not weigh on the desk."""
    with all_cities("test"):
        Call.objects.bulk_create(Call(offered_at=timezone.now()) for _ in range(50))
    around = 2 if connection.settings_dict["ATOMIC_REQUESTS"] else 0  # the request's own savepoint
    with django_assert_num_queries(6 + around):
        client.get("/metrics", headers=TOKEN)
