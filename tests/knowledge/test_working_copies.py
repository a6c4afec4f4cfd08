"""What an editor types outlives a lost session, and two who write at once know of each other."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from knowledge import services, working_copies
from knowledge.models_authoring import WorkingCopy
from tenants.scope import all_cities
from tests.knowledge.test_views import form_of, url


def keep(client, article, **changed):
    form = form_of(client.get(url("edit", article)))
    return client.post(url("keep", article), {**form, **changed})


def test_unsaved_text_is_there_after_a_lost_session(client_for, article, people):
    """An hour of writing would be gone with the sign-in."""
    assert keep(client_for("editor"), article, **{"shared.say": "Noch nicht gespeichert."}).status_code == 200
    page = client_for("editor").get(url("edit", article))  # another session of the same person
    assert form_of(page)["shared.say"] == ["Noch nicht gespeichert."]
    assert "Sie schreiben weiter, wo Sie am" in page.content.decode()
    assert not article.revisions.filter(state="draft").exists(), "keeping is not saving"


def test_unsaved_text_is_nobody_elses(client_for, article, second_editor):
    """A half-written sentence would stand in a colleague's form."""
    keep(client_for("editor"), article, **{"shared.say": "Noch nicht gespeichert."})
    page = client_for(second_editor).get(url("edit", article))
    assert "Noch nicht gespeichert." not in page.content.decode()
    assert "Editor schreibt hier gerade auch" in page.content.decode()


def test_somebody_who_went_home_is_not_said_to_write(client_for, article, second_editor):
    keep(client_for("editor"), article, **{"shared.say": "x"})
    WorkingCopy.objects.update(typed_at=timezone.now() - timedelta(minutes=6))
    assert "schreibt hier gerade auch" not in client_for(second_editor).get(url("edit", article)).content.decode()


def test_continuing_after_a_colleague_saved_shows_both_texts(client_for, article, second_editor):
    """The kept form would be saved over what a colleague has written in the meantime."""
    keep(client_for("editor"), article, **{"shared.say": "Meins.", "shared.note": "n"})
    other = client_for(second_editor)
    other.post(url("edit", article), {**form_of(other.get(url("edit", article))), "shared.say": "Das der Kollegin."})
    page = client_for("editor").get(url("edit", article)).content.decode()
    assert "Meins." in page
    assert "Kollegin" in page
    assert "Hier hat inzwischen jemand anders gespeichert" in page


def test_saving_ends_the_unsaved_work(client_for, article):
    """Old words would come back with the next opening."""
    client = client_for("editor")
    keep(client, article, **{"shared.say": "Neu."})
    client.post(url("edit", article), {**form_of(client.get(url("edit", article))), "action": "save"})
    assert not WorkingCopy.objects.exists()
    assert article.revisions.get(state="draft").sections["say"] == "Neu."


def test_giving_up_leads_back_to_the_saved_text(client_for, article):
    client = client_for("editor")
    keep(client, article, **{"shared.say": "Unsinn."})
    client.post(url("drop", article))
    assert "Unsinn." not in client.get(url("edit", article)).content.decode()


def test_an_unchanged_form_is_not_called_unsaved(client_for, article):
    client = client_for("editor")
    keep(client, article)
    assert "Sie schreiben weiter" not in client.get(url("edit", article)).content.decode()


def test_old_copies_are_deleted_and_new_ones_stay(article, people, second_editor):
    """Forgotten texts would lie around for ever; today's must not go with them."""
    old = WorkingCopy.objects.create(
        user=people["editor"], article=article, typed_at=timezone.now() - timedelta(days=31)
    )
    new = WorkingCopy.objects.create(user=second_editor, article=article, typed_at=timezone.now())
    assert working_copies.prune() == 1
    assert list(WorkingCopy.objects.all()) == [new]
    assert old.pk != new.pk


def test_a_city_no_longer_theirs_is_left_out(client_for, article, people, dinslaken):
    """A kept form would write for a city whose editor its author was last month."""
    keep(client_for("editor"), article, **{"shared.say": "Für alle."})
    people["editor"].memberships.exclude(tenant=dinslaken).delete()
    page = client_for(people["editor"].__class__.objects.get(pk=people["editor"].pk)).get(url("edit", article))
    assert "Für alle." not in page.content.decode()
    with all_cities("test"):
        assert services.head_of(article=article, tenant=None).state == "published"
