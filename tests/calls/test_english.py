"""Whoever chose English reads English: what the ledger calls things, and why it refuses a step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.utils.translation import override

from callcenter.calls.services import Refused, save_note
from callcenter.calls.services.handovers import NEEDS_NOTE

THE_SAME = {"Generic CTI", "sipgate", "Placetel", "Asterisk (AMI)", "Import", "Simulation", "Text"}


def test_choices_have_english_names() -> None:
    """A screen half in German is no English screen."""
    untold = set()
    for model in apps.get_app_config("calls").get_models():
        for field in model._meta.get_fields():
            for _value, label in getattr(field, "choices", None) or ():
                german = str(label)
                with override("en"):
                    if str(label) == german and german not in THE_SAME:
                        untold.add(german)
    assert untold == set()


def test_refusals_are_marked_for_translation() -> None:
    """A sentence that is only there in German says nothing to somebody else."""
    plain = re.compile(r"Refused\(\s*f?\"")
    found = [
        path.name
        for path in (Path(settings.BASE_DIR) / "callcenter" / "calls").rglob("*.py")
        if plain.search(path.read_text())
    ]
    assert found == []


@pytest.mark.django_db
def test_refusal_is_said_in_the_readers_language() -> None:
    with override("en"):
        assert str(NEEDS_NOTE["done"]).startswith("Please write what")
        with pytest.raises(Refused, match="at most 4,000 characters"):
            save_note(user=None, contact=None, note="x" * 4001)  # type: ignore[arg-type]
