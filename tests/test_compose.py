"""docker-compose.yml cannot be run on every machine; so it is held against the settings here."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.urls import reverse

from callcenter.metrics import gauges

COMPOSE = (settings.BASE_DIR / "docker-compose.yml").read_text()
DEPLOY = settings.BASE_DIR / "docs" / "admin" / "deploy"
SETTINGS = (settings.BASE_DIR / "callcenter" / "settings.py").read_text()


def test_compose_environment_is_known_to_the_settings() -> None:
    """A misspelt variable would be ignored and the server would start with a default."""
    block = COMPOSE.split("environment: &environment")[1].split("depends_on")[0]
    names = re.findall(r"^\s{4}([A-Z_]+):", block, re.M)
    assert len(names) >= 8
    for name in names:
        secret = f'kept_secret("{name.removeprefix("CALLCENTER_").lower()}")'
        known = name == "DATABASE_URL" or f'"{name}"' in SETTINGS or secret in SETTINGS
        assert known, f"{name} is not read in settings.py"


def test_workers_listen_to_every_queue() -> None:
    """A queue without a worker keeps its jobs for ever."""
    for name in ("docker-compose.yml", "docs/admin/deploy/systemd/callcenter-worker.service"):
        queues = re.search(r"--queues (\S+)", (settings.BASE_DIR / name).read_text())
        assert queues, name
        assert queues.group(1).split(",") == settings.JOB_QUEUES


def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(COMPOSE)["services"]


def test_compose_has_every_service() -> None:
    expected = {"proxy", "web", "stream", "worker", "beat", "relay", "postgres", "redis", "migrate"}
    assert set(services()) == expected


@pytest.mark.parametrize("name", ["web", "stream", "worker", "beat", "relay"])
def test_compose_services_are_closed_in(name: str) -> None:
    """Non-root, read-only, without capabilities, with a limit and a health check (or the reason why none)."""
    service = services()[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["healthcheck"]
    assert "callcenter_app:" in service["environment"]["DATABASE_URL"]


def test_proxy_sends_streams_their_own_way() -> None:
    """A stream behind a buffering proxy would deliver rings late; /metrics stays inside."""
    proxy = (DEPLOY / "Caddyfile").read_text()
    assert f"handle {reverse('desktop:stream')}*" in proxy
    assert "flush_interval -1" in proxy
    assert re.search(r"handle /metrics \{\s*respond 404", proxy)


def test_systemd_units_start_what_compose_starts() -> None:
    """Two ways to install, one program: the same command lines but for the address they listen on."""
    for name in ("web", "stream", "worker", "beat", "relay"):
        unit = (DEPLOY / "systemd" / f"callcenter-{name}.service").read_text()
        started = re.search(r"^ExecStart=/opt/callcenter/\.venv/bin/(.+)$", unit, re.M)
        assert started
        assert started.group(1).split()[:3] == services()[name]["command"].split()[:3]
        assert "NoNewPrivileges=yes" in unit
        assert "ProtectSystem=strict" in unit


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_alerts_and_dashboard_name_real_figures(name: str) -> None:
    """An alert on a misspelt figure never rings."""
    known = {f"callcenter_{gauge.name}" for gauge in gauges()}
    named = set(re.findall(r"callcenter_[a-z_]+", (DEPLOY / name).read_text()))
    assert named
    assert named <= known
