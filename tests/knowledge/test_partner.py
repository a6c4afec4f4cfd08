"""The partner city's word: approvals that publishing waits for, and corrections it proposes."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse

from callcenter.accounts.models import Role
from callcenter.audit.models import AuditEntry
from knowledge import approvals, proposals, services
from knowledge.models import EffectiveArticle
from knowledge.models_authoring import Approval, Proposal
from knowledge.services import KnowledgeRefusal
from tenants.scope import all_cities, scoped
from tests.conftest import make_user
from tests.knowledge.test_views import form_of, url


@pytest.fixture
def in_review(article, write, people):
    """A new shared sentence, handed in by the editor."""
    revision = write(article, say="Den Hund melden Sie innerhalb von vier Wochen an.")
    with all_cities("test data"):
        return services.submit_for_review(revision=revision, actor=people["editor"])


@pytest.fixture
def asked(in_review, people, dinslaken):
    with all_cities("test data"):
        return approvals.ask(revision=in_review, city=dinslaken, actor=people["editor"])


def publish(revision, actor):
    with all_cities("test"):
        return services.publish(revision=revision, actor=actor)


def decide(approval, actor, **how):
    with scoped([approval.tenant_id]):
        return approvals.decide(approval=approval, actor=actor, **how)


def test_publishing_waits_for_the_city_that_was_asked(asked, in_review, second_editor, people):
    """Callers of Dinslaken would be told what Dinslaken has not seen."""
    with pytest.raises(KnowledgeRefusal, match="Dinslaken"):
        publish(in_review, second_editor)
    decide(asked, people["liaison"], granted=True)
    assert publish(in_review, second_editor).state == "published"
    assert AuditEntry.objects.filter(action="knowledge.approval_granted", actor_id=people["liaison"].pk).exists()


def test_a_refusal_says_why_and_holds_the_text(asked, in_review, second_editor, people):
    with pytest.raises(KnowledgeRefusal, match="was nicht stimmt"):
        decide(asked, people["liaison"], granted=False)
    decide(asked, people["liaison"], granted=False, comment="Bei uns sind es zwei Wochen.")
    with pytest.raises(KnowledgeRefusal):
        publish(in_review, second_editor)


def test_an_approval_counts_for_the_text_it_was_given_to(asked, in_review, write, article, second_editor, people):
    """After the approval, somebody could write something else into the text."""
    decide(asked, people["liaison"], granted=True)
    changed = write(article, say="Den Hund melden Sie nie an.")
    with all_cities("test"):
        changed = services.submit_for_review(revision=changed, actor=people["editor"])
    with pytest.raises(KnowledgeRefusal, match="Dinslaken"):
        publish(changed, second_editor)
    with all_cities("test"):
        approvals.ask(revision=changed, city=asked.tenant, actor=people["editor"])
        assert [each.revision_id for each in approvals.open_for(asked.tenant)] == [changed.pk]


def test_an_answer_to_a_text_that_has_changed_is_refused(asked, write, article, people):
    write(article, say="Ganz anders.")
    with pytest.raises(KnowledgeRefusal, match="nicht mehr offen"):
        decide(asked, people["liaison"], granted=True)


def test_taking_the_question_back_lets_the_text_go(asked, in_review, second_editor, people):
    with all_cities("test"):
        approvals.withdraw(approval=asked, actor=people["editor"])
    assert publish(in_review, second_editor).state == "published"
    assert AuditEntry.objects.filter(action="knowledge.approval_withdrawn").exists()


def test_asking_a_city_without_a_liaison_says_whom_to_turn_to(in_review, people, duisburg):
    with all_cities("test"), pytest.raises(KnowledgeRefusal, match="Verwaltung"):
        approvals.ask(revision=in_review, city=duisburg, actor=people["editor"])


def test_the_liaison_is_told_by_mail(in_review, people, dinslaken, django_capture_on_commit_callbacks):
    people["liaison"].email = "liaison@dinslaken.example"
    people["liaison"].save()
    with django_capture_on_commit_callbacks(execute=True), all_cities("test"):
        approvals.ask(revision=in_review, city=dinslaken, actor=people["editor"])
    assert [message.to for message in mail.outbox] == [["liaison@dinslaken.example"]]
    assert "/wissen/dinslaken/freigaben/" in mail.outbox[0].body


def test_whoever_asked_is_told_of_the_answer(asked, people, django_capture_on_commit_callbacks):
    """A refusal would lie unread, and the text with it."""
    people["editor"].email = "redaktion@example.org"
    people["editor"].save()
    with django_capture_on_commit_callbacks(execute=True):
        decide(asked, people["liaison"], granted=False, comment="Bei uns sind es zwei Wochen.")
    assert [message.to for message in mail.outbox] == [["redaktion@example.org"]]
    assert "Bei uns sind es zwei Wochen." in mail.outbox[0].body
    assert "/pruefung/" in mail.outbox[0].body


def test_the_liaison_reads_what_would_be_said_and_answers(client_for, asked, in_review):
    """The whole way in the browser's terms: list, question, preview with the city's own fee, answer."""
    client = client_for("liaison")
    page = client.get("/wissen/dinslaken/").content.decode()
    assert "Freigaben und Vorschläge" in page
    page = client.get("/wissen/dinslaken/freigaben/").content.decode()
    assert "vier" in page
    assert "96,00 €" in page, "the preview is Dinslaken's answer, not the shared text"
    assert "132,00 €" not in page
    address = reverse("knowledge:approval_decide", args=["dinslaken", asked.pk])
    client.post(address, {"answer": "grant"})
    asked.refresh_from_db()
    assert asked.decision == "granted"


def test_the_review_page_asks_and_shows_the_answer(client_for, in_review, article, people):
    client = client_for("editor")
    page = client.get(url("review", article)).content.decode()
    assert "Dinslaken um Freigabe bitten" in page
    client.post(url("approval_ask", article, revision=in_review.pk), {"city": "dinslaken"})
    with all_cities("test"):
        approval = Approval.objects.get()
    page = client.get(url("review", article)).content.decode()
    assert "erbeten" in page
    assert "Dinslaken um Freigabe bitten" not in page
    client.post(reverse("knowledge:approval_withdraw", args=["dinslaken", approval.pk]))
    assert "Dinslaken um Freigabe bitten" in client.get(url("review", article)).content.decode()


# --- proposals
def propose(client, article, **changed):
    form = form_of(client.get(url("propose", article)))
    return client.post(url("propose", article), {**form, "reason": "Neue Satzung", **changed})


def test_a_proposal_becomes_the_citys_draft_and_the_editor_may_review_it(
    client_for, article, people, dinslaken, duisburg
):
    """A correction from the partner would have to be typed again, and by a third person at that."""
    assert propose(client_for("liaison"), article, **{"dinslaken.fees.value": ["108,00 €", "", ""]}).status_code == 302
    with all_cities("test"):
        proposal = Proposal.objects.get()
    assert set(proposal.sections) == {"fees"}, "only what was changed"
    editor = client_for("editor")
    page = editor.get("/wissen/dinslaken/vorschlaege/").content.decode()
    for word in ("108,00", "96,00", "Neue Satzung"):
        assert word in page
    editor.post(reverse("knowledge:proposal_accept", args=["dinslaken", proposal.pk]))
    draft = article.revisions.get(tenant=dinslaken, state="draft")
    assert draft.sections["fees"] == [{"value": "108,00 €", "label": "im Jahr"}]
    assert draft.author == people["liaison"]
    editor.post(url("submit", article))
    editor.post(url("publish", article))
    with all_cities("test"):
        by_city = {row.tenant_id: row.sections["fees"][0]["value"] for row in EffectiveArticle.objects.all()}
    assert by_city == {dinslaken.pk: "108,00 €", duisburg.pk: "132,00 €"}
    assert "übernommen" in client_for("liaison").get("/wissen/dinslaken/freigaben/").content.decode()


def test_an_editors_own_draft_is_not_laundered_through_a_proposal(client_for, article, write, people, dinslaken):
    """An editor could publish their own words as if the partner had written them."""
    write(article, dinslaken, say="Eigene Worte der Redaktion.", fees=[{"value": "96,00 €", "label": "im Jahr"}])
    propose(client_for("liaison"), article, **{"dinslaken.fees.value": ["108,00 €", "", ""]})
    with all_cities("test"):
        draft = proposals.accept(proposal=Proposal.objects.get(), actor=people["editor"])
    assert draft.author == people["editor"]
    assert draft.sections["say"] == "Eigene Worte der Redaktion.", "the open draft is not lost"


def test_a_proposal_without_a_change_is_refused_and_keeps_what_was_typed(client_for, article):
    response = propose(client_for("liaison"), article)
    assert response.status_code == 422
    assert "Neue Satzung" in response.content.decode()


def test_declining_needs_a_sentence_and_the_partner_reads_it(client_for, article):
    propose(client_for("liaison"), article, **{"dinslaken.say": "Anders."})
    with all_cities("test"):
        proposal = Proposal.objects.get()
    address = reverse("knowledge:proposal_decline", args=["dinslaken", proposal.pk])
    editor = client_for("editor")
    editor.post(address, {"answer": " "})
    proposal.refresh_from_db()
    assert proposal.state == "open"
    editor.post(address, {"answer": "Die Satzung gilt erst ab Januar."})
    assert (
        "Die Satzung gilt erst ab Januar." in client_for("liaison").get("/wissen/dinslaken/freigaben/").content.decode()
    )
    assert not article.revisions.filter(state="draft").exists()


def test_another_citys_liaison_proposes_nothing_here(client_for, article, duisburg):
    """Duisburg's liaison would rewrite Dinslaken's answers."""
    foreign = client_for(make_user("liaison-duisburg", (duisburg, Role.LIAISON)))
    assert foreign.get(url("propose", article)).status_code == 404
    assert foreign.get("/wissen/dinslaken/freigaben/").status_code == 404
