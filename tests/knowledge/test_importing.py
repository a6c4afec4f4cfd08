"""Importing into the knowledge base: twice is once, and nobody's text is overwritten."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from callcenter.audit.models import AuditEntry
from knowledge import services
from knowledge.exporting import export_lines
from knowledge.importing.apply import undo
from knowledge.models import Article, EffectiveArticle, ImportRun, Revision, State
from tests.knowledge.test_importing_files import munich
from tests.knowledge.test_importing_xzufi import TEXT, message, service


@pytest.fixture(autouse=True)
def _cities(duisburg, dinslaken):
    """Both cities exist; the command opens its own scope."""


@pytest.fixture
def feed(tmp_path):
    def write(*objects, name: str = "feed.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(each) for each in objects))
        return str(path)

    return write


def run(path: str, *options: str, tenant: str = "duisburg") -> dict:
    out = StringIO()
    call_command("import_knowledge", path, "--tenant", tenant, "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def test_import_makes_drafts_and_names_what_it_refuses(feed, every_city, duisburg):
    """A city's texts would reach callers unseen, or vanish without a word."""
    report = run(feed(munich(id="1"), munich(id="2", public=False), munich(id="3", text="", text_html="")))
    assert report == {
        "created": 1,
        "changed": 0,
        "unchanged": 0,
        "refused": [
            {"line": 2, "id": "2", "reason": "not public"},
            {"line": 3, "id": "3", "reason": "no text"},
        ],
    }
    article = Article.objects.get()
    assert (article.owner, article.source_id, article.revisions.get().state) == (duisburg, "1", State.DRAFT)
    assert not EffectiveArticle.objects.exists()


def test_import_again_changes_nothing(feed):
    path = feed(munich(id="1"), munich(id="2"))
    run(path)
    counts = (Article.objects.count(), Revision.objects.count())
    assert run(path) == {"created": 0, "changed": 0, "unchanged": 2, "refused": []}
    assert (Article.objects.count(), Revision.objects.count()) == counts


def test_import_takes_only_what_changed(feed):
    run(feed(munich(id="1"), munich(id="2")))
    report = run(feed(munich(id="1", text_html="<p>Neu.</p>"), munich(id="2")))
    assert (report["changed"], report["unchanged"]) == (1, 1)
    assert Article.objects.get(source_id="1").revisions.get().sections["description"] == "<p>Neu.</p>"


def test_publish_needs_somebody_who_answers_for_it(feed, people, every_city, duisburg):
    path = feed(munich())
    with pytest.raises(CommandError) as wrong:
        run(path, "--publish")
    assert wrong.value.returncode == 2
    with pytest.raises(CommandError, match="no editor"):
        run(path, "--publish", "--as", "agent")
    assert run(path, "--publish", "--as", "editor")["created"] == 1
    assert EffectiveArticle.objects.get().tenant == duisburg
    entry = AuditEntry.objects.get(action="knowledge.published")
    assert (entry.actor_id, entry.data["without_review"]) == (people["editor"].pk, "import json:duisburg")
    assert run(path, "--publish", "--as", "editor")["unchanged"] == 1


def test_drafts_of_an_earlier_import_are_published_later(feed, people, every_city):
    path = feed(munich())
    run(path)
    assert run(path, "--publish", "--as", "editor")["changed"] == 1
    assert EffectiveArticle.objects.count() == 1
    assert run(path, "--publish", "--as", "editor")["unchanged"] == 1


def test_dry_run_writes_nothing(feed):
    path = feed(munich(id="1"), munich(id="1"), munich(id="2", public=False))
    assert (run(path, "--dry-run")["created"], len(run(path, "--dry-run")["refused"])) == (1, 2)
    assert not Article.objects.exists()
    assert not ImportRun.objects.beyond_scope("test").exists()
    assert not AuditEntry.objects.exists()


def test_same_source_for_two_cities_is_two_articles(feed):
    path = feed(munich())
    run(path)
    assert run(path, tenant="dinslaken")["created"] == 1
    assert Article.objects.count() == 2


def test_text_that_people_changed_here_is_not_overwritten(feed, every_city, people, write):
    """An editor's correction would be undone by the next nightly feed."""
    run(feed(munich()))
    article = Article.objects.select_related("owner").get()
    draft = article.revisions.get()
    services.publish(revision=draft, actor=None, without_review="test")
    write(article, article.owner, "Gewerbe-Anmeldung", say="Von Hand.")
    report = run(feed(munich(title="Neu")))
    assert report["refused"][0]["reason"].startswith("somebody is working on a draft")
    services.publish(revision=article.revisions.get(state="draft"), actor=None, without_review="test")
    report = run(feed(munich(title="Neu")))
    assert report["refused"][0]["reason"].startswith("edited here")
    assert article.revisions.get(state="published").sections == {"say": "Von Hand."}


def test_feed_deletes_what_it_brought_and_forgets_what_it_never_sent(tmp_path, people, every_city):
    path = tmp_path / "feed.xml"
    options = ("--publish", "--as", "editor")
    path.write_bytes(message(service(TEXT)).getvalue())
    assert run(str(path), *options)["created"] == 1
    gone = '<x:loesche klasse="Leistung"><x:id schemeAgencyID="L1">{}</x:id></x:loesche>'
    path.write_bytes(message(gone.format(4711), gone.format(9999)).getvalue())
    assert run(str(path), *options) == {"created": 0, "changed": 1, "unchanged": 0, "refused": []}
    assert not EffectiveArticle.objects.exists()
    assert run(str(path), *options)["changed"] == 0


def test_unreadable_file_is_exit_1_with_its_reason(tmp_path, every_city):
    path = tmp_path / "x.xml"
    path.write_text("<kein xml")
    with pytest.raises(CommandError, match="not XML"):
        run(str(path))
    with pytest.raises(CommandError, match="cannot be read"):
        run(str(tmp_path / "fehlt.json"))
    with pytest.raises(CommandError, match="no city"):
        run(str(path), tenant="atlantis")


def test_export_comes_in_again_without_change(make_article, article, tmp_path, every_city, duisburg):
    """A backup of the knowledge base would come back as a different one."""
    make_article("Hafenrundfahrt", owner=duisburg, terms=("Schiff",))
    services.set_search_terms(article=article, tenant=duisburg, terms=["Töle"], actor=None)
    exported = list(export_lines())
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(exported))
    assert run(str(path)) == {"created": 0, "changed": 0, "unchanged": 2, "refused": []}
    assert list(export_lines()) == exported


def test_export_moves_to_another_installation(make_article, article, tmp_path, every_city, people, duisburg, dinslaken):
    make_article("Hafenrundfahrt", owner=duisburg)
    exported = [json.loads(line) for line in export_lines()]
    for line in exported:
        line["id"] = line["id"][::-1].replace(line["id"][0], "0")  # ids this installation does not know
    path = tmp_path / "export.jsonl"
    path.write_text("\n".join(map(json.dumps, exported)))
    options = ("--publish", "--as", "editor")
    assert run(str(path), *options)["created"] == 2
    assert run(str(path), *options) == {"created": 0, "changed": 0, "unchanged": 2, "refused": []}
    copy = Article.objects.get(source="export", title="Hund anmelden")
    assert EffectiveArticle.objects.get(article=copy, tenant=dinslaken).sections["fees"][0]["value"] == "96,00 €"
    assert EffectiveArticle.objects.get(article=copy, tenant=duisburg).sections["fees"][0]["value"] == "132,00 €"


def test_undo_takes_an_import_back_as_a_whole(feed, people, every_city):
    """A wrong file would have to be cleared up article by article."""
    options = ("--publish", "--as", "editor")
    run(feed(munich(id="1"), munich(id="2")), *options)
    run(feed(munich(id="1", title="Falsch"), munich(id="3")), *options)
    wrong = ImportRun.objects.first()
    assert undo(run=wrong, actor=people["editor"]) == 2
    assert sorted(EffectiveArticle.objects.values_list("title", flat=True)) == [
        "Gewerbe-Anmeldung",
        "Gewerbe-Anmeldung",
    ]
    with pytest.raises(services.KnowledgeRefusal):
        undo(run=wrong, actor=people["editor"])
    assert run(feed(munich(id="1", title="Falsch"), munich(id="3")), *options)["changed"] == 2


def test_undo_of_drafts_leaves_no_trace_but_the_trail(feed, people, every_city):
    run(feed(munich(id="1"), munich(id="2")))
    undo(run=ImportRun.objects.get(), actor=people["editor"])
    assert not Article.objects.exists()
    assert AuditEntry.objects.filter(action="knowledge.import_undone").count() == 1
