"""The life of a revision, and what the desks get of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from callcenter.audit.models import AuditEntry
from knowledge import refresh, services
from knowledge.immutable import FIXED_COLUMNS
from knowledge.models import EffectiveArticle, Revision, State
from knowledge.services import EditConflict, KnowledgeRefusal
from knowledge.signals import article_published, article_withdrawn
from tenants.scope import scoped


@pytest.fixture(autouse=True)
def _cities(every_city):
    """These tests act as someone who answers for every city; those that do not open their own scope."""


def shown(article, tenant) -> EffectiveArticle | None:
    return EffectiveArticle.objects.filter(article=article, tenant=tenant).first()


def test_publish_lays_the_citys_sections_over_the_shared_text(article, duisburg, dinslaken):
    """A caller from Dinslaken would hear Duisburg's fee."""
    assert shown(article, duisburg).sections["fees"][0]["value"] == "132,00 €"
    assert shown(article, dinslaken).sections["fees"][0]["value"] == "96,00 €"
    assert shown(article, dinslaken).local_keys == ["fees"]
    assert shown(article, dinslaken).terms == ["Hundemarke"]
    assert shown(article, duisburg).shared_revision
    assert not shown(article, duisburg).local_revision


def test_publish_needs_somebody_elses_eyes(make_article, people, second_editor):
    """One person alone could put a wrong sentence into every agent's mouth."""
    draft = make_article(publish=False).revisions.get()
    with pytest.raises(KnowledgeRefusal, match="zuerst zur Prüfung"):
        services.publish(revision=draft, actor=second_editor)
    services.submit_for_review(revision=draft, actor=people["editor"])
    with pytest.raises(KnowledgeRefusal, match="andere Person"):
        services.publish(revision=draft, actor=people["editor"])
    published = services.publish(revision=draft, actor=second_editor)
    assert (published.state, published.reviewer) == (State.PUBLISHED, second_editor)
    entry = AuditEntry.objects.get(action="knowledge.published")
    assert entry.actor_id == second_editor.pk
    assert "without_review" not in entry.data


def test_publish_without_review_says_so_in_the_trail(article):
    """An import that skipped review would look as if somebody had read it."""
    assert AuditEntry.objects.filter(action="knowledge.published").first().data["without_review"] == "test data"


def test_change_in_review_goes_back_to_draft(make_article, write, people, second_editor):
    """The reviewer would publish something other than what they read."""
    article = make_article(publish=False)
    services.submit_for_review(revision=article.revisions.get(), actor=people["editor"])
    assert write(article, say="Neu.").state == State.DRAFT


def test_new_version_replaces_the_old_one_in_the_history(article, published, duisburg):
    """Two texts of one article would be published at once."""
    first = article.revisions.get(tenant=None)
    second = published(article, say="Neu.")
    first.refresh_from_db()
    assert (first.state, second.state, second.number, second.based_on) == ("archived", "published", 2, first)
    assert first.archived_at
    assert shown(article, duisburg).shared_revision == second


def test_second_editor_gets_a_conflict_and_loses_nothing(article, people, second_editor):
    """The later save would silently overwrite the earlier one."""
    token = services.chain_token(article=article, tenant=None)
    common = {"article": article, "tenant": None, "title": "Hund anmelden"}
    first = services.save_draft(**common, actor=people["editor"], sections={"say": "Eins."}, token=token)
    with pytest.raises(EditConflict) as conflict:
        services.save_draft(**common, actor=second_editor, sections={"say": "Zwei."}, token=token)
    assert conflict.value.theirs == first
    first.refresh_from_db()
    assert first.sections == {"say": "Eins."}
    token = services.chain_token(article=article, tenant=None)
    again = services.save_draft(**common, actor=second_editor, sections={"say": "Zwei."}, token=token)
    assert (again.pk, again.lock_version, again.author) == (first.pk, 2, second_editor)


def test_conflict_when_the_draft_was_published_meanwhile(article, write, people, second_editor):
    """A save into a published text would start from a version that is no longer the latest."""
    draft = write(article, say="Neu.")
    token = services.chain_token(article=article, tenant=None)
    services.submit_for_review(revision=draft, actor=people["editor"])
    services.publish(revision=draft, actor=second_editor)
    with pytest.raises(EditConflict):
        services.save_draft(article=article, tenant=None, actor=people["editor"], title="x", sections={}, token=token)


def test_scheduled_text_waits_for_its_time(article, write, duisburg, time_machine):
    """Next year's fee would be told this year, or never."""
    draft = write(article, say="Ab Januar.")
    Revision.objects.filter(pk=draft.pk).update(valid_from=timezone.now() + timedelta(days=2))
    services.publish(revision=draft, actor=None, without_review="test")
    assert shown(article, duisburg).sections["say"].startswith("Den Hund")
    assert refresh.refresh_due() == 0
    time_machine.move_to(timezone.now() + timedelta(days=2, seconds=1))
    assert refresh.refresh_due() == 1
    assert shown(article, duisburg).sections["say"] == "Ab Januar."
    assert refresh.refresh_due() == 0


def test_expired_local_text_gives_way_to_the_shared_one(article, write, dinslaken, time_machine):
    """A local exception that has ended would be told for ever."""
    draft = write(article, dinslaken, hints="<p>Bis Freitag nur mit Termin.</p>")
    Revision.objects.filter(pk=draft.pk).update(valid_until=timezone.now() + timedelta(days=2))
    services.publish(revision=draft, actor=None, without_review="test")
    assert "hints" in shown(article, dinslaken).sections
    time_machine.move_to(timezone.now() + timedelta(days=2, seconds=1))
    refresh.refresh_due()
    row = shown(article, dinslaken)
    assert "hints" not in row.sections
    assert row.local_revision is None
    assert row.local_keys == []


def test_owned_article_is_shown_in_its_city_only(make_article, duisburg, dinslaken):
    """Callers from Duisburg would be sent to an office in Dinslaken."""
    article = make_article("Stadtfest", owner=dinslaken)
    assert shown(article, dinslaken).title == "Stadtfest"
    assert shown(article, duisburg) is None


def test_archived_article_leaves_every_desk_and_stays_in_the_history(article, people, duisburg, dinslaken):
    """A withdrawn answer would still be found, or its history would be gone."""
    told = []
    article_withdrawn.connect(lambda **news: told.append(news["tenant_id"]), weak=False, dispatch_uid="test")
    services.archive_article(article=article, actor=people["editor"])
    article_withdrawn.disconnect(dispatch_uid="test")
    assert shown(article, duisburg) is None
    assert shown(article, dinslaken) is None
    assert sorted(told) == sorted([duisburg.pk, dinslaken.pk])
    assert article.revisions.filter(state=State.ARCHIVED).count() == 2


def test_restore_begins_a_draft_with_the_old_text(article, published, people):
    """A mistake could be taken back only by typing the old text again."""
    first = article.revisions.get(tenant=None)
    published(article, say="Falsch.")
    draft = services.restore(
        revision=first, actor=people["editor"], token=services.chain_token(article=article, tenant=None)
    )
    assert (draft.state, draft.number, draft.sections) == (State.DRAFT, 3, first.sections)


def test_signal_tells_each_city_whose_answer_changed(article, write, dinslaken):
    """Agents with the article open would go on reading the old answer."""
    told = []
    article_published.connect(lambda **news: told.append(news["effective"]), weak=False, dispatch_uid="test")
    services.publish(
        revision=write(article, dinslaken, fees=[{"value": "99,00 €", "label": ""}]), actor=None, without_review="t"
    )
    article_published.disconnect(dispatch_uid="test")
    assert [row.tenant for row in told] == [dinslaken]


def test_shared_text_is_closed_to_who_does_not_answer_for_every_city(article, people, dinslaken):
    """An editor of one city could change what another city's callers are told."""
    with scoped([dinslaken]), pytest.raises(KnowledgeRefusal, match="Duisburg"):
        services.save_draft(
            article=article, tenant=None, actor=people["editor"], title="x", sections={},
            token=services.chain_token(article=article, tenant=None),
        )  # fmt: skip


def test_other_citys_sections_are_closed(article, people, duisburg, dinslaken):
    with scoped([dinslaken]), pytest.raises(KnowledgeRefusal):
        services.save_draft(article=article, tenant=duisburg, actor=people["editor"], title="", sections={}, token="")


def test_search_terms_reach_the_effective_article_at_once(article, people, dinslaken, duisburg):
    """A citizens' word that an editor adds would not be found until the next publication."""
    services.set_search_terms(
        article=article, tenant=dinslaken, terms=["Hundesteuer", " Töle ", ""], actor=people["editor"]
    )
    assert shown(article, dinslaken).terms == ["Hundemarke", "Hundesteuer", "Töle"]
    assert shown(article, duisburg).terms == ["Hundemarke"]


# --- the database's own refusal ---------------------------------------------------------------
@pytest.mark.parametrize(
    "change", [{"sections": {"say": "x"}}, {"title": "x"}, {"state": "draft"}, {"published_at": None}]
)
def test_database_refuses_a_change_of_published_text(article, change):
    """What was told to a caller in March could be rewritten in May."""
    revisions = Revision.objects.filter(article=article, tenant=None)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        revisions.update(**change)


def test_database_refuses_to_delete_or_change_what_was_published(article, people):
    revision = article.revisions.get(tenant=None)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Revision.objects.filter(pk=revision.pk)._raw_delete("default")
    services.archive(revision=revision, actor=people["editor"])
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Revision.objects.filter(pk=revision.pk).update(state="published", archived_at=None)


def test_database_allows_drafts_to_change_and_go(make_article, write, people):
    article = make_article()
    draft = write(article, say="Entwurf.")
    services.discard_draft(revision=draft, actor=people["editor"])
    assert article.revisions.count() == 1


def test_refusal_covers_every_column():
    """A column added later would be open to change."""
    columns = {field.column for field in Revision._meta.local_fields}
    assert columns == {*FIXED_COLUMNS, "state", "archived_at"}
