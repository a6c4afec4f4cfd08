"""A new key for caller numbers: nothing is lost on the way, and the old key goes only when nothing needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as house
from django.core.management import CommandError, call_command

from callcenter.calls import services
from callcenter.calls.models import CallerNumber, TelephonyEvent
from callcenter.calls.sealing import is_current, keyed_hash, unseal
from callcenter.calls.services import keys
from tenants.scope import all_cities
from tests.desktop.conftest import Telephone

OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
def rung(settings, lines) -> None:
    """A call sealed with the old key, then the new key in force."""
    settings.NUMBER_KEY, settings.NUMBER_KEY_PREVIOUS = OLD, ""
    telephone = Telephone()
    telephone.hang_up(telephone.ring("dinslaken", caller="492034711815"))
    settings.NUMBER_KEY, settings.NUMBER_KEY_PREVIOUS = NEW, OLD


def test_old_numbers_are_read_while_the_key_changes(rung) -> None:
    with all_cities("test"):
        assert unseal(CallerNumber.objects.get().number) == "+492034711815"
    assert keys.stale() == {"callernumber.number": 1, "telephonyevent.body": 2}


def test_resealed_numbers_need_the_new_key_alone(rung, settings) -> None:
    keys.reseal()
    assert keys.stale() == {}
    settings.NUMBER_KEY_PREVIOUS = ""
    with all_cities("test"):
        kept = CallerNumber.objects.get()
        assert unseal(kept.number) == "+492034711815"
        assert kept.keyed_hash == keyed_hash("+492034711815", NEW)
        assert all(is_current(event.body) for event in TelephonyEvent.objects.all())


def test_resealing_twice_changes_nothing(rung) -> None:
    keys.reseal()
    assert set(keys.reseal().values()) == {0}


def test_blocked_number_stays_blocked_while_the_key_changes(settings, lines, people) -> None:
    settings.NUMBER_KEY, settings.NUMBER_KEY_PREVIOUS = OLD, ""
    services.block_caller(user=people["administrator"], number="0203 4711815", reason="droht")
    settings.NUMBER_KEY, settings.NUMBER_KEY_PREVIOUS = NEW, OLD
    from callcenter.calls.events import OFFERED, ParsedEvent
    from callcenter.calls.services.ingest import _is_blocked

    assert _is_blocked(ParsedEvent(kind=OFFERED, call_id="1", direction="in", caller="492034711815"))
    assert keys.blocked_by_hash() == 1


def test_old_key_is_not_forgotten_while_it_is_needed(rung) -> None:
    with pytest.raises(CommandError, match=r"callernumber\.number: 1"):
        call_command("rotate_number_key", "--finish")


def test_rotation_from_new_to_finish_with_keys_in_files(tmp_path: Path) -> None:
    """The way of the documentation, each step a process of its own as after a restart."""
    environment = {
        key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "CALLCENTER_NUMBER_KEY"}
    } | {"CALLCENTER_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "callcenter.settings"}

    def step(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", "rotate_number_key", *options],
            cwd=house.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    step("--new")
    old = (tmp_path / "keys" / "number_key_previous").read_text()
    assert (tmp_path / "keys" / "number_key").read_text() != old
    assert "callernumber.number: 0" in step()
    assert "forgotten" in step("--finish")
    assert not (tmp_path / "keys" / "number_key_previous").exists()
    assert "No key" in step("--finish")
