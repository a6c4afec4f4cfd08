"""Unsafe settings must not meet real callers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from callcenter.checks import refuse_unsafe_settings, unsafe_settings

GOOD = "k" * 20 + "0123456789abcdefghijklmnop"


@pytest.fixture
def production(settings, tmp_path: Path) -> None:
    """What docs/admin/install.md tells people to set."""
    settings.BASE_URL, settings.HTTPS = "https://call.example.org", True
    settings.ALLOWED_HOSTS = ["call.example.org"]
    settings.DEMO = settings.DEBUG = False
    settings.SECRET_KEY, settings.NUMBER_KEY = GOOD, GOOD[::-1]
    settings.VAR = tmp_path


def ids() -> list[str]:
    return [message.id for message in unsafe_settings()]


def test_production_settings_of_the_documentation_are_accepted(production: None) -> None:
    """A check that refuses what the documentation says would be switched off."""
    assert ids() == []
    refuse_unsafe_settings()


def test_demo_on_this_machine_is_accepted(settings) -> None:
    """``make run`` must work without any setting."""
    settings.BASE_URL, settings.HTTPS, settings.DEMO = "http://127.0.0.1:8000", False, True
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEMO", True, "callcenter.E001"),
        ("DEBUG", True, "callcenter.E002"),
        ("HTTPS", False, "callcenter.E003"),
        ("ALLOWED_HOSTS", ["*"], "callcenter.E004"),
        ("ALLOWED_HOSTS", ["other.example.org"], "callcenter.E005"),
        ("SECRET_KEY", "short", "callcenter.E006"),
        ("NUMBER_KEY", "django-insecure-0123456789abcdefghijklmnop", "callcenter.E006"),
        ("NUMBER_KEY", GOOD, "callcenter.E007"),
    ],
)
def test_unsafe_setting_is_refused_by_name(production: None, settings, name: str, value: object, expected: str) -> None:
    """Whoever installs must be told which setting, before the first caller's data is in."""
    setattr(settings, name, value)
    assert expected in ids()
    with pytest.raises(ImproperlyConfigured, match=expected):
        refuse_unsafe_settings()


def test_key_that_others_may_read_is_refused(production: None, tmp_path: Path) -> None:
    """A key file open to every account on the machine is no secret."""
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "number_key"
    key.write_text(GOOD)
    key.chmod(0o644)
    assert ids() == ["callcenter.E008"]
    key.chmod(0o600)
    assert ids() == []


@pytest.mark.django_db
def test_serve_refuses_to_start_in_the_open_demo(production: None, settings) -> None:
    """One-click sign-in on a public address would open both cities to anybody."""
    settings.DEMO = True
    with pytest.raises(CommandError, match="CALLCENTER_DEMO"):
        call_command("serve", "--port", "1")


def test_refusal_never_shows_a_key(production: None, settings) -> None:
    """Start-up messages end in logs."""
    settings.SECRET_KEY = "a-short-secret"
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe_settings()
    assert "a-short-secret" not in str(refusal.value)


def test_addresses_follow_the_port_that_is_served(settings, monkeypatch, tmp_path) -> None:
    """A telephone system told to post to the usual port would reach nobody, or somebody else."""
    from callcenter.management.commands.serve import Command

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    settings.VAR = tmp_path
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(Command, "start", stop)
    monkeypatch.setattr("callcenter.management.commands.serve.unsafe_settings", list)
    Command().handle(port=8123, host="127.0.0.1", demo=False)
    told = subprocess.run(
        [sys.executable, "-c", "from callcenter import settings; print(settings.BASE_URL)"],
        env={"CALLCENTER_VAR": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "http://127.0.0.1:8123"
