"""Pages of the knowledge base: who sees what, and that nothing typed is lost."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.audit.models import AuditEntry
from knowledge import services
from knowledge.models import Article, EffectiveArticle, Revision
from knowledge.search import api
from tenants.scope import all_cities
from tests.conftest import make_user


def url(name: str, article: Article, city: str = "dinslaken", **more) -> str:
    return reverse(f"knowledge:{name}", kwargs={"city": city, "article": article.pk, **more})


class FormReader(HTMLParser):
    """Collects what a browser would send for the form with one id."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.area = form_id, False, ""
        self.data: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        name = given.get("name")
        if not self.inside or not name or tag == "button":
            return
        if tag == "textarea":
            self.area = name
            self.data.setdefault(name, []).append("")
        elif given.get("type") not in ("radio", "checkbox") or "checked" in given:
            self.data.setdefault(name, []).append(given.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self.area:
            self.data[self.area][-1] += data.replace("\n", "\r\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""
        elif tag == "form":
            self.inside = False


def form_of(response) -> dict[str, list[str] | str]:
    reader = FormReader("edit")
    reader.feed(response.content.decode())
    return reader.data


@pytest.fixture(autouse=True)
def _plain_search(monkeypatch):
    """These tests are about pages; the search has its own."""
    monkeypatch.setattr(api, "index", lambda ids: None)
    monkeypatch.setattr(api, "remove", lambda ids: None)


def test_home_leads_to_the_first_readable_city(client_for, article):
    assert client_for("liaison").get("/wissen/").url == "/wissen/dinslaken/"


@pytest.mark.parametrize("role", ["agent", "editor", "supervisor", "liaison", "administrator"])
def test_readers_see_the_citys_answer(client_for, article, role):
    """A caller from Dinslaken would hear Duisburg's fee."""
    html = client_for(role).get(url("article", article)).content.decode()
    assert "96,00 €" in html
    assert "132,00 €" not in html
    assert "Nach der Rasse fragen." in html


def test_liaison_gets_nothing_of_another_city(client_for, article, make_article, duisburg):
    """A partner city would read what belongs to another."""
    client = client_for("liaison")
    assert client.get(url("article", article, "duisburg")).status_code == 404
    owned = make_article("Hafenrundfahrt", owner=duisburg)
    for name in ("article", "history"):
        assert client.get(url(name, owned)).status_code == 404
    html = client.get("/wissen/dinslaken/").content.decode()
    assert "Hafenrundfahrt" not in html
    assert "Hund anmelden" in html


def test_liaison_sees_no_other_citys_versions(client_for, article, published, duisburg):
    """The other city's drafts and sections would be open to read in the history."""
    published(article, duisburg, hints="<p>Nur in Duisburg.</p>")
    client = client_for("liaison")
    assert "Duisburg" not in client.get(url("history", article)).content.decode().split("<main")[1]
    foreign = article.revisions.get(tenant=duisburg)
    assert client.get(url("revision", article, revision=foreign.pk)).status_code == 404


def test_drafts_are_for_editors_only(client_for, article, write, dinslaken):
    """Agents would read out what nobody has reviewed."""
    draft = write(article, say="Ungeprüft.")
    assert "Ungeprüft" not in client_for("agent").get(url("article", article)).content.decode()
    assert client_for("agent").get(url("revision", article, revision=draft.pk)).status_code == 404
    assert client_for("editor").get(url("revision", article, revision=draft.pk)).status_code == 200
    assert client_for("agent").get(url("edit", article)).status_code == 403


def test_unpublished_article_is_404_for_readers(client_for, make_article):
    article = make_article("Geheim", publish=False)
    assert client_for("agent").get(url("article", article)).status_code == 404
    assert client_for("editor").get(url("article", article)).status_code == 200


def test_list_costs_the_same_for_one_and_three(client_for, make_article, django_assert_max_num_queries, article):
    """The list would become slower with every article."""
    client = client_for("editor")
    client.get("/wissen/dinslaken/")
    # One of them finds what is published later; two open and close PostgreSQL's transaction.
    with django_assert_max_num_queries(15) as one:
        client.get("/wissen/dinslaken/")
    make_article("Zweiter")
    make_article("Dritter")
    with django_assert_max_num_queries(15) as three:
        client.get("/wissen/dinslaken/")
    assert len(one) == len(three)


def test_list_fragment_equals_the_page(client_for, article):
    """The search box would swap in something other than a reload shows."""
    client = client_for("editor")
    page = client.get("/wissen/dinslaken/?thema=&stand=local").content.decode()
    fragment = client.get("/wissen/dinslaken/?thema=&stand=local", headers={"HX-Request": "true"}).content.decode()
    assert fragment.strip() in page
    assert "Hund anmelden" in fragment


def test_list_filters_for_editors(client_for, article, make_article, write):
    make_article("Offen", publish=False)
    client = client_for("editor")
    assert "Offen" in client.get("/wissen/dinslaken/?stand=missing").content.decode()
    assert "Offen" in client.get("/wissen/dinslaken/?stand=draft").content.decode()
    assert "Hund anmelden" not in client.get("/wissen/dinslaken/?stand=draft").content.decode()
    assert "Offen" not in client_for("agent").get("/wissen/dinslaken/?stand=draft").content.decode()


def test_saving_the_form_as_shown_changes_nothing(client_for, article):
    """Every look into the editor would leave a new version."""
    client = client_for("editor")
    response = client.post(url("edit", article), form_of(client.get(url("edit", article))))
    assert response.status_code == 302
    assert Revision.objects.filter(article=article).count() == 2


def test_editor_saves_overrides_for_both_cities_at_once(client_for, article, dinslaken, duisburg):
    client = client_for("editor")
    form = form_of(client.get(url("edit", article)))
    form |= {
        "duisburg.say.mode": "own",
        "duisburg.say": "Duisburg sagt.",
        "dinslaken.fees.mode": "inherit",
        "shared.documents": ["Chipnummer", "", "Ausweis"],
        "shared.terms": "Hundemarke\r\nTöle",
    }
    assert client.post(url("edit", article), form).status_code == 302
    drafts = {draft.tenant: draft.sections for draft in Revision.objects.filter(article=article, state="draft")}
    assert drafts[duisburg] == {"say": "Duisburg sagt."}
    assert drafts[dinslaken] == {}
    assert drafts[None]["documents"] == ["Chipnummer", "Ausweis"]
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=duisburg).terms == ["Hundemarke", "Töle"]


def test_conflict_shows_both_texts_and_saves_the_second_time(client_for, article, second_editor):
    """The later of two editors would lose a page of typing, or wipe out the other's."""
    first, second = client_for("editor"), client_for(second_editor)
    mine = form_of(second.get(url("edit", article)))
    theirs = form_of(first.get(url("edit", article)))
    first.post(
        url("edit", article), theirs | {"shared.say": "Text der ersten Person.", "shared.summary": "Kurz der ersten."}
    )
    response = second.post(url("edit", article), mine | {"shared.say": "Text der zweiten Person."})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Text der zweiten Person." in html
    assert "Kurz der ersten." in html
    assert "<del>ersten</del>" in html
    assert second.post(url("edit", article), form_of(response)).status_code == 302
    draft = Revision.objects.get(article=article, state="draft")
    assert draft.sections["say"] == "Text der zweiten Person."
    assert draft.sections["summary"] == "Kurz der ersten."


def test_review_and_publication_by_another_person(client_for, article, second_editor, dinslaken, duisburg):
    """The whole way from a correction to every desk."""
    editor, reviewer = client_for("editor"), client_for(second_editor)
    form = form_of(editor.get(url("edit", article)))
    form |= {"shared.fees.value": ["140,00 €"], "shared.fees.label": ["im Jahr"], "action": "submit"}
    assert editor.post(url("edit", article), form).url == url("review", article)
    html = editor.get(url("review", article)).content.decode()
    assert "nur eine andere Person" in html
    assert "Eigener Text, der stehen bleibt" in html  # Dinslaken keeps its own fee: somebody should look
    assert "96,00 €" in html
    assert ">Veröffentlichen<" not in html
    editor.post(url("publish", article))
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=duisburg).sections["fees"][0]["value"] == "132,00 €"
    html = reviewer.get(url("review", article)).content.decode()
    assert ">Veröffentlichen<" in html
    refused = reviewer.post(url("publish", article), follow=True).content.decode()
    assert "ob der eigene Text der Stadt noch stimmt" in refused
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=duisburg).sections["fees"][0]["value"] == "132,00 €"
    reviewer.post(url("publish", article), {"confirmed": "dinslaken.fees"})
    assert AuditEntry.objects.get(action="knowledge.published", data__confirmed=["dinslaken.fees"])
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=duisburg).sections["fees"][0]["value"] == "140,00 €"
        assert EffectiveArticle.objects.get(article=article, tenant=dinslaken).sections["fees"][0]["value"] == "96,00 €"


def test_a_citys_own_text_published_along_answers_for_itself(client_for, article, second_editor, dinslaken):
    """Whoever brings both texts in line would be asked whether the old one still holds."""
    editor, reviewer = client_for("editor"), client_for(second_editor)
    form = form_of(editor.get(url("edit", article)))
    form |= {"shared.fees.value": ["140,00 €"], "shared.fees.label": ["im Jahr"], "action": "submit"}
    form |= {"dinslaken.fees.value": ["99,00 €"], "dinslaken.fees.label": ["im Jahr"]}
    editor.post(url("edit", article), form)
    reviewer.post(url("publish", article))
    with all_cities("test"):
        assert EffectiveArticle.objects.get(article=article, tenant=dinslaken).sections["fees"][0]["value"] == "99,00 €"


def test_reviewer_sends_back_with_a_sentence(client_for, article, write, people, second_editor):
    draft = write(article, say="Neu.")
    with all_cities("test"):
        services.submit_for_review(revision=draft, actor=people["editor"])
    client_for(second_editor).post(url("send_back", article, revision=draft.pk), {"note": "Bitte die Frist nennen."})
    draft.refresh_from_db()
    assert (draft.state, draft.note) == ("draft", "Bitte die Frist nennen.")


def test_editor_of_one_city_cannot_touch_the_shared_text(client_for, article, dinslaken):
    """One city's editor would change what the other city's callers are told."""
    client = client_for(make_user("nur-dinslaken", (dinslaken, Role.EDITOR)))
    response = client.get(url("edit", article))
    assert "duisburg." not in response.content.decode()
    assert 'name="shared.say"' not in response.content.decode()
    form = form_of(response) | {"shared.say": "Eingeschmuggelt.", "dinslaken.say.mode": "own", "dinslaken.say": "Moin."}
    assert client.post(url("edit", article), form).status_code == 302
    assert [(draft.tenant, draft.sections["say"]) for draft in article.revisions.filter(state="draft")] == [
        (dinslaken, "Moin.")
    ]


def test_new_article_begins_as_a_draft(client_for, dinslaken):
    client = client_for("editor")
    response = client.post("/wissen/dinslaken/neu/", {"title": "Stadtfest", "reach": "city", "kind": "information"})
    article = Article.objects.get()
    assert response.url == url("edit", article)
    assert (article.owner, article.title) == (dinslaken, "Stadtfest")
    assert client.post("/wissen/dinslaken/neu/", {"title": "", "reach": "all", "kind": "service"}).status_code == 422


def test_preview_shows_each_city_without_saving(client_for, article):
    client = client_for("editor")
    form = form_of(client.get(url("edit", article))) | {"shared.say": "Nur zum Ansehen."}
    html = client.post(url("preview", article), form, headers={"HX-Request": "true"}).content.decode()
    assert html.count("Nur zum Ansehen.") == 2
    assert "96,00 €" in html
    assert "132,00 €" in html
    assert article.revisions.filter(state="draft").count() == 0


def test_archive_and_restore(client_for, article):
    client = client_for("editor")
    client.post(url("archive", article))
    assert client_for("agent").get(url("article", article)).status_code == 404
    old = article.revisions.get(tenant=None)
    client.post(url("restore", article, revision=old.pk))
    assert article.revisions.get(state="draft").sections == old.sections


def test_history_shows_changes_word_by_word(client_for, article, published):
    published(
        article, say="Den Hund melden Sie innerhalb von vier Wochen an.", summary="Hundesteuer: An- und Abmeldung"
    )
    newest = article.revisions.get(state="published", tenant=None)
    html = client_for("agent").get(url("revision", article, revision=newest.pk)).content.decode()
    assert "zwei</del>" in html
    assert "vier</ins>" in html


def test_history_tells_what_was_read_out_at_a_past_moment(client_for, article, published, duisburg):
    """A complaint about last month's answer could not be checked."""
    client = client_for("supervisor")
    assert "nicht veröffentlicht" in client.get(url("history", article) + "?am=2020-01-01T12:00").content.decode()
    soon = (timezone.now() + timedelta(minutes=2)).astimezone(duisburg.zone).strftime("%Y-%m-%dT%H:%M")
    html = client.get(url("history", article) + f"?am={soon}").content.decode()
    assert "gemeinsamer Text, Fassung 1" in html
    assert "Dinslaken, Fassung 1" in html
    assert client.get(url("history", article) + "?am=gestern").status_code == 200


def test_malformed_form_is_422_and_says_so(client_for, article):
    client = client_for("editor")
    form = form_of(client.get(url("edit", article))) | {"shared.from": "morgen"}
    response = client.post(url("edit", article), form)
    assert response.status_code == 422
    assert "Tag und Uhrzeit" in response.content.decode()
