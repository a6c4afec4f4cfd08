"""Publication for later: it appears by itself, can be called off, and the past is told right afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from knowledge import selectors, services
from knowledge.models import EffectiveArticle
from knowledge.services import KnowledgeRefusal
from knowledge.tasks import refresh_validity
from tenants.scope import all_cities
from tests.knowledge.test_views import form_of, url


@pytest.fixture
def planned(client_for, article, second_editor):
    """The new fee sentence, written in the form, reviewed, and valid from the day after tomorrow."""
    editor = client_for("editor")
    begins = timezone.localtime() + timedelta(days=2)
    form = form_of(editor.get(url("edit", article)))
    form |= {
        "shared.say": "Ab übermorgen anders.",
        "shared.from": begins.strftime("%Y-%m-%dT%H:%M"),
        "action": "submit",
    }
    editor.post(url("edit", article), form)
    said = client_for(second_editor).post(url("publish", article), follow=True).content.decode()
    assert f"gilt ab {begins:%d.%m.%Y, %H:%M} Uhr" in said
    return article.revisions.get(tenant=None, state="published", valid_from__isnull=False)


def say(article, city) -> str:
    with all_cities("test"):
        return EffectiveArticle.objects.get(article=article, tenant=city).sections["say"]


def test_a_planned_text_appears_by_itself(planned, article, client_for, duisburg):
    """Somebody would have to come in on New Year's Day to publish the new fees."""
    assert "Ab übermorgen" not in say(article, duisburg)
    page = client_for("editor").get("/wissen/duisburg/?stand=planned").content.decode()
    assert "Hund anmelden" in page
    assert f"neu ab {timezone.localtime(planned.valid_from):%d.%m.%Y}" in page
    with time_machine.travel(planned.valid_from + timedelta(seconds=1)):
        refresh_validity()
        assert say(article, duisburg) == "Ab übermorgen anders."


def test_a_planned_text_is_called_off_and_today_stays(planned, article, client_for, duisburg):
    """A decision of the council is put off: the old fee must stay, and the archive must not say otherwise."""
    client = client_for("editor")
    page = client.get(url("revision", article, revision=planned.pk)).content.decode()
    assert "Veröffentlichung absagen" in page
    client.post(url("withdraw", article, revision=planned.pk))
    with time_machine.travel(planned.valid_from + timedelta(hours=1)):
        refresh_validity()
        assert say(article, duisburg) == "Den Hund melden Sie innerhalb von zwei Wochen an."
        with all_cities("test"):
            told = selectors.versions_at(article, duisburg, timezone.now())
        assert [version.number for version in told] == [1], "what callers were told then is the old text"


def test_what_is_shown_today_is_not_called_off(article, people):
    current = article.revisions.get(tenant=None)
    with all_cities("test"), pytest.raises(KnowledgeRefusal, match="nichts geplant"):
        services.withdraw_planned(revision=current, actor=people["editor"])


def test_the_author_hears_that_a_text_came_back(
    write, article, people, second_editor, django_capture_on_commit_callbacks
):
    """The draft would lie there until somebody happens to look."""
    people["editor"].email = "redaktion@example.org"
    people["editor"].save()
    draft = write(article, say="Neu.")
    with all_cities("test"), django_capture_on_commit_callbacks(execute=True):
        services.submit_for_review(revision=draft, actor=people["editor"])
        services.send_back(revision=draft, actor=second_editor, note="Bitte die Frist nennen.")
    assert [message.to for message in mail.outbox] == [["redaktion@example.org"]]
    assert "Bitte die Frist nennen." in mail.outbox[0].body
    assert f"/artikel/{article.pk}/bearbeiten/" in mail.outbox[0].body
