"""The other start: a first administrator and a first city, and nothing else."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from callcenter.accounts.models import Role, User
from tenants.models import Tenant


def test_install_makes_the_first_administrator(db, monkeypatch, capsys) -> None:
    """Without it nobody could ever sign in to a new installation."""
    monkeypatch.setenv("CALLCENTER_INSTALL_PASSWORD", "ein-langes-kennwort")
    call_command("install", city="Moers", username="chefin", name="Chefin Beispiel")
    user = User.objects.get(username="chefin")
    assert user.check_password("ein-langes-kennwort")
    assert user.may(Tenant.objects.get(slug="moers"), [Role.ADMINISTRATOR])
    with pytest.raises(CommandError, match="already has accounts"):
        call_command("install", city="Moers", username="zweite", name="Zweite")


def test_install_refuses_a_short_password(db, monkeypatch) -> None:
    """The first account holds every right; a weak password would open the house."""
    monkeypatch.setenv("CALLCENTER_INSTALL_PASSWORD", "kurz")
    with pytest.raises(CommandError, match="12"):
        call_command("install", city="Moers", username="chefin", name="Chefin")
    assert not User.objects.exists()
