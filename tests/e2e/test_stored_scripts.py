"""Whoever can write something could act as everyone who reads it: nothing stored runs, in a real browser."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.calls import services as calls
from knowledge import approvals, links, proposals, services, working_copies
from knowledge.models import Article, EffectiveArticle, ImportRun
from knowledge.models_authoring import Link, LinkUse, WorkingCopy
from knowledge.search import api
from knowledge.sections import SECTIONS, Shape
from tenants.scope import all_cities
from tests.conftest import make_user
from tests.desktop.conftest import Telephone
from tests.knowledge.test_importing_files import munich
from tests.knowledge.test_importing_xzufi import message, module, service

# Ideas of published payload collections, written anew: each would call the page's own trap.
PAYLOADS = (Path(__file__).parent / "data" / "scripts.txt").read_text().splitlines()
EVERYTHING = " ".join(PAYLOADS)


def payload_sections() -> dict[str, object]:
    """Every idea in every section, in the section's own shape."""
    values = {
        Shape.TEXT: EVERYTHING,
        Shape.RICH: f"<p>Text</p>{EVERYTHING}",
        Shape.ITEMS: PAYLOADS,
        Shape.FACTS: [{"value": payload, "label": payload} for payload in PAYLOADS],
    }
    return {section.key: values[section.shape] for section in SECTIONS}


@pytest.fixture
def reader(transactional_db, browser_page, people):
    """``reader(user)(address)`` opens a page, unfolds what is folded, and tells what ran or was stopped."""

    def sign_in(user):
        page = browser_page(user)
        stopped: list[str] = []
        page.on("console", lambda said: stopped.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("dialog", lambda dialog: dialog.dismiss())

        def look(address: str, *, policy_may_stop: bool = False):
            stopped.clear()
            page.goto(address)
            page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
            page.evaluate("for (const link of document.querySelectorAll('main [autofocus]')) link.focus()")
            page.wait_for_timeout(200)
            assert page.evaluate("window.ran") is None, f"{address}: something ran"
            assert policy_may_stop or not stopped, f"{address}: only the policy stopped {stopped[0]}"
            return page

        return look

    return sign_in


@pytest.fixture
def article(transactional_db, people, duisburg, dinslaken):
    """Written by somebody with an editor's rights and no good intentions: every field of every step."""
    with all_cities("test data"):
        article = services.create_article(actor=people["editor"], title="Hund anmelden", sections={"say": "Kurz."})
        services.publish(revision=article.revisions.get(), actor=None, without_review="test data")
        for city in (None, dinslaken):
            draft = services.save_draft(
                article=article, tenant=city, actor=people["editor"], title=EVERYTHING, sections=payload_sections(),
                note=PAYLOADS[0], token=services.chain_token(article=article, tenant=city),
            )  # fmt: skip
            services.set_search_terms(article=article, tenant=city, terms=PAYLOADS, actor=people["editor"])
            services.publish(revision=draft, actor=None, without_review="test data")
    return article


def test_every_field_of_an_article_on_every_page_of_it(reader, article, people, duisburg, dinslaken):
    """A sentence in a hint would publish, forward calls or read numbers in the name of whoever opens it."""
    with all_cities("test data"):
        draft = services.save_draft(
            article=article, tenant=None, actor=people["editor"], title=f"Neu {EVERYTHING}"[:200],
            sections={**payload_sections(), "say": f"Neu {EVERYTHING}"}, note=PAYLOADS[1],
            token=services.chain_token(article=article, tenant=None),
        )  # fmt: skip
        draft = services.submit_for_review(revision=draft, actor=people["editor"])
        approval = approvals.ask(revision=draft, city=dinslaken, actor=people["editor"])
    base = f"/wissen/dinslaken/artikel/{article.pk}"
    published = article.revisions.filter(tenant=dinslaken, state="published").get()
    look = reader(people["editor"])
    for address in (
        "/wissen/dinslaken/",
        f"{base}/",
        f"/wissen/duisburg/artikel/{article.pk}/",
        f"{base}/verlauf/",
        f"{base}/verlauf/{published.pk}/",
        f"{base}/pruefung/",
    ):
        look(address)
    # The mounted editor reads what is stored back into the page, and the preview is put in by script.
    page = look(f"{base}/bearbeiten/")
    page.wait_for_selector('form[data-ready="rich"]')
    page.get_by_role("button", name="Vorschau").click()
    page.wait_for_selector("#previews .answer")
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    liaison = reader(people["liaison"])
    liaison("/wissen/dinslaken/freigaben/")
    liaison(f"{base}/vorschlag/")
    with all_cities("test data"):
        approvals.decide(approval=approval, actor=people["liaison"], granted=False, comment=EVERYTHING[:400])
    look(f"{base}/pruefung/")


def test_what_the_partner_proposes_and_editors_answer(reader, article, people, dinslaken):
    """The partner city writes, our editors read; and the other way round."""
    with all_cities("test data"):
        effective = EffectiveArticle.objects.select_related("article", "tenant").get(article=article, tenant=dinslaken)
        changed = {**payload_sections(), "say": f"Anders {EVERYTHING}", "hints": f"<p>Anders</p>{EVERYTHING}"}
        for reason in (EVERYTHING[:400], PAYLOADS[2]):
            proposal = proposals.propose(effective=effective, actor=people["liaison"], sections=changed, reason=reason)
        proposals.decline(proposal=proposal, actor=people["editor"], answer=EVERYTHING[:400])
    reader(people["editor"])("/wissen/dinslaken/vorschlaege/")
    reader(people["liaison"])("/wissen/dinslaken/freigaben/")


def test_unsaved_work_and_who_is_writing(reader, article, people, duisburg, dinslaken):
    """A kept form comes back unchecked: it was never saved, so no service has cleaned it."""
    other = make_user("<img src=x onerror=window.ran=1>", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR))
    names = ["shared.title", "shared.say", "shared.hints", "shared.documents", "shared.note", "shared.terms",
             "dinslaken.hints", "dinslaken.hints.mode", "shared.from", "shared.seen-terms"]  # fmt: skip
    fields = [[name, EVERYTHING] for name in names]
    WorkingCopy.objects.create(user=people["editor"], article=article, fields=fields, typed_at=timezone.now())
    WorkingCopy.objects.create(user=other, article=article, fields=[], typed_at=timezone.now())
    assert working_copies.writing_now(article=article, user=people["editor"])
    page = reader(people["editor"])(f"/wissen/dinslaken/artikel/{article.pk}/bearbeiten/")
    page.wait_for_selector('form[data-ready="rich"]')
    assert page.locator(".edit-continued").count() == 1
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None


def test_at_the_desk_where_it_would_hurt_most(reader, article, people, lines, dinslaken):
    """An agent's browser holds a caller's number and may close calls."""
    with all_cities("test data"):
        api.index(list(EffectiveArticle.objects.values_list("pk", flat=True)))
        effective = EffectiveArticle.objects.get(article=article, tenant=dinslaken)
    calls.sign_on(user=people["agent"], extension="214")
    telephone = Telephone()
    call = telephone.answer(telephone.ring("dinslaken"), people["agent"])
    look = reader(people["agent"])
    look("/arbeitsplatz/")
    look(f"/arbeitsplatz/anruf/{call.pk}/?q=hund")
    look(reverse("desktop:article", args=[call.pk, effective.pk]))
    look(reverse("desktop:compare", args=[call.pk, effective.pk, "duisburg"]))


def imported_files() -> dict[str, tuple[str, bytes]]:
    """The same ideas as each format brings them, in every field that format has."""
    marked = "".join(f"<p>Text</p>{payload}" for payload in PAYLOADS)
    escaped = marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    link = '<x:weiterfuehrenderLink languageCode="de"><x:uri>javascript:window.ran=1</x:uri><x:titel>L</x:titel>'
    modules = [
        module(code, escaped, links=f"{link}</x:weiterfuehrenderLink>") for code in ("05", "06", "07", "08", "16", "22")
    ]
    feed = message(service(*modules, title=escaped[:2_000])).read()
    stream = json.dumps(
        munich(
            id="1<script>window.ran=1</script>", title=EVERYTHING[:240], text_html=marked, text=EVERYTHING,
            fees_html=marked, fees=EVERYTHING, keywords=PAYLOADS, source=PAYLOADS[0],
            links=[{"name": payload, "url": payload} for payload in [*PAYLOADS, "javascript:window.ran=1"]],
        )
    )  # fmt: skip
    table = StringIO()
    keys = [section.key for section in SECTIONS]
    writer = csv.writer(table, delimiter=";")
    writer.writerow(["id", "title", "theme", "terms", "public", *keys])
    writer.writerow([PAYLOADS[0], EVERYTHING[:240], PAYLOADS[1], "\n".join(PAYLOADS), "ja", *[marked] * len(keys)])
    own = json.dumps({"title": EVERYTHING[:240], "id": "x1", "text_html": marked, "public": True, "text": EVERYTHING})
    return {
        "xzufi": ("f.xml", feed),
        "json": ("f.jsonl", f"{stream}\n{own}\nnot json {EVERYTHING}".encode()),
        "csv": ("f.csv", table.getvalue().encode()),
    }


@pytest.mark.parametrize("kind", ["xzufi", "json", "csv"])
def test_what_an_import_brings(reader, people, duisburg, dinslaken, kind, tmp_path):
    """A feed of another authority would run its code on our desks."""
    name, content = imported_files()[kind]
    path = tmp_path / f"<img src=x onerror=window.ran=1>{name}"
    path.write_bytes(content)
    options = ("--tenant", "duisburg", "--format", kind, "--publish", "--as", "editor", "--json")
    report = StringIO()
    call_command("import_knowledge", str(path), *options, stdout=report)
    assert json.loads(report.getvalue())["created"], "the file was refused as a whole: nothing was tried"
    with all_cities("test data"):
        run = ImportRun.objects.get()
    look = reader(people["editor"])
    look("/wissen/duisburg/einlesen/")
    look(f"/wissen/duisburg/einlesen/{run.pk}/")
    look("/wissen/duisburg/")
    for article in Article.objects.all():
        look(f"/wissen/duisburg/artikel/{article.pk}/")
        look(f"/wissen/duisburg/artikel/{article.pk}/verlauf/")
        page = look(f"/wissen/duisburg/artikel/{article.pk}/bearbeiten/")
        page.wait_for_selector('form[data-ready="rich"]')
        assert page.evaluate("window.ran") is None


def test_the_report_of_dead_links(reader, article, people, dinslaken):
    with all_cities("test data"):
        url = "https://example.org/?<img src=x onerror=window.ran=1>"
        services_text = f'<p><a href="{url}">x</a></p>'
        EffectiveArticle.objects.filter(article=article, tenant=dinslaken).update(sections={"hints": services_text})
        link = Link.objects.create(url=url, problem=PAYLOADS[0], broken_since=timezone.now(), checked_at=timezone.now())
        LinkUse.objects.create(link=link, tenant=dinslaken, article=article)
        assert links.broken_in(dinslaken)
    reader(people["editor"])("/wissen/dinslaken/links/")


def test_the_policy_holds_alone(reader, article, people, duisburg):
    """And if the sanitiser had failed: raw markup in the row that every desk prints."""
    with all_cities("test data"):
        raw = {"description": EVERYTHING, "documents": PAYLOADS, "say": EVERYTHING, "hints": EVERYTHING}
        EffectiveArticle.objects.filter(article=article, tenant=duisburg).update(sections=raw)
    reader(people["agent"])(f"/wissen/duisburg/artikel/{article.pk}/", policy_may_stop=True)
