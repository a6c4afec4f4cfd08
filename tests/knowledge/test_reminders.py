"""Articles do not grow old unnoticed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from callcenter.accounts.models import Role
from knowledge import reminders, services
from knowledge.models import Article
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.knowledge.test_views import url


@pytest.fixture
def editor(people):
    people["editor"].email = "redaktion@example.org"
    people["editor"].save()
    return people["editor"]


def due(article, days=0):
    Article.objects.filter(pk=article.pk).update(review_on=timezone.localdate() + timedelta(days=days))


def remind(capture, today=None):
    mail.outbox.clear()
    with capture(execute=True):
        return reminders.remind(today)


def test_editors_get_one_mail_with_what_is_due(editor, article, make_article, django_capture_on_commit_callbacks):
    """A fee of the year before last would still be read out."""
    due(article)
    due(make_article("Später"), days=3)
    assert remind(django_capture_on_commit_callbacks) == 1
    [message] = mail.outbox
    assert message.to == ["redaktion@example.org"]
    assert "Hund anmelden" in message.body
    assert "Später" not in message.body
    assert "?stand=review" in message.body


def test_a_reminder_comes_back_after_a_week_and_not_before(editor, article, django_capture_on_commit_callbacks):
    """Daily mails are filtered away; a single one is forgotten."""
    due(article)
    today = timezone.localdate()
    sent = [remind(django_capture_on_commit_callbacks, today + timedelta(days=days)) for days in range(8)]
    assert sent == [1, 0, 0, 0, 0, 0, 0, 1]


def test_a_text_that_ends_soon_is_named_unless_another_follows(
    editor, article, write, django_capture_on_commit_callbacks
):
    """On the first of January nothing would be left to say."""
    now = timezone.now()
    draft = write(article, say="Bis Jahresende.")
    draft.valid_until = now + timedelta(days=10)
    draft.save()
    with all_cities("test"):
        services.publish(revision=draft, actor=None, without_review="test")
    assert remind(django_capture_on_commit_callbacks) == 1
    follower = write(article, say="Ab Januar.")
    follower.valid_from = now + timedelta(days=10)
    follower.save()
    with all_cities("test"):
        services.publish(revision=follower, actor=None, without_review="test")
    assert remind(django_capture_on_commit_callbacks, timezone.localdate() + timedelta(days=8)) == 0


def test_editors_are_reminded_of_their_own_cities_only(
    article, make_article, dinslaken, duisburg, django_capture_on_commit_callbacks
):
    there = make_user("dort", (duisburg, Role.EDITOR))
    there.email = "dort@example.org"
    there.save()
    due(make_article("Nur hier", owner=dinslaken))
    assert remind(django_capture_on_commit_callbacks) == 0


def test_confirming_takes_the_article_off_the_list_for_a_year(client_for, article):
    """Whoever looked would be asked again every week."""
    due(article)
    client = client_for("editor")
    assert "Geprüft, stimmt noch" in client.get(url("article", article)).content.decode()
    assert "Hund anmelden" in client.get("/wissen/dinslaken/?stand=review").content.decode()
    client.post(url("confirm", article))
    article.refresh_from_db()
    assert article.review_on == timezone.localdate() + timedelta(days=365)
    assert "Geprüft, stimmt noch" not in client.get(url("article", article)).content.decode()
    assert "Geprüft, stimmt noch" not in client_for("agent").get(url("article", article)).content.decode()
