"""The demo's own articles."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone

from callcenter.accounts.models import Role
from callcenter.audit.models import AuditEntry
from callcenter.calls.simulation.profile import ASKED_MOST
from knowledge import authoring, demo
from knowledge.demo import asked, editing
from knowledge.models import Article, EffectiveArticle, JudgedQuery, JudgedRun, Notice, Revision, SearchEvent
from knowledge.models_authoring import Approval, Proposal
from knowledge.reminders import due_in
from tests.conftest import make_user

FILE = """
theme = "Steuern"

[[article]]
id = "hundesteuer"
title = "Hundesteuer"
terms = ["Hundemarke"]

[article.shared]
say = "Gern."
fees = [ { value = "132,00 €", label = "" } ]

[article.dinslaken]
fees = [ { value = "96,00 €", label = "" } ]

[[article]]
id = "hafenrundfahrt"
title = "Hafenrundfahrt"
cities = ["duisburg"]
terms = ["Schiff"]

[article.shared]
say = "Ab Schwanentor."
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "steuern.toml").write_text(FILE)
    return tmp_path


def test_load_publishes_for_both_cities_and_says_so(folder, every_city, duisburg, dinslaken, people):
    """The demo would start without answers, or as if somebody had reviewed them."""
    counts = demo.load(author=people["editor"], folder=folder)
    assert counts == {"articles": 2, "created": 2, "changed": 0, "unchanged": 0, "variants": 1}
    assert EffectiveArticle.objects.filter(tenant=duisburg).count() == 2
    assert EffectiveArticle.objects.get(tenant=dinslaken).sections["fees"][0]["value"] == "96,00 €"
    assert Article.objects.get(source_id="hafenrundfahrt").owner == duisburg
    assert all(article.is_demo for article in Article.objects.all())
    assert AuditEntry.objects.get(action="knowledge.demo_loaded").data["without_review"]


def test_load_again_changes_nothing_and_takes_only_what_changed(folder, every_city, duisburg, dinslaken):
    """Each start would write the whole history anew."""
    demo.load(folder=folder)
    assert demo.load(folder=folder)["unchanged"] == 2
    path = folder / "steuern.toml"
    path.write_text(path.read_text().replace("96,00", "99,00"))
    assert demo.load(folder=folder)["changed"] == 1
    assert EffectiveArticle.objects.get(tenant=dinslaken).sections["fees"][0]["value"] == "99,00 €"
    assert Revision.objects.filter(tenant=dinslaken).count() == 2


def test_every_shipped_article_can_be_said_and_found():
    """A demo article would show an empty box where the agent should speak."""
    for entry in demo.read():
        assert entry.shared.get("say") or all(text.get("say") for text in entry.variants.values()), entry.id
        assert len(entry.terms) >= 3, entry.id
        assert len(entry.shared.get("say", "")) <= 300, entry.id


def test_every_shipped_article_is_worth_signing():
    """An editor of a city would not sign an answer without an office, or one that sends callers to nobody."""
    from tenants.demo import OFFICES

    offices = {slug: {name for name, _task, _appointment in rows} for slug, rows in OFFICES.items()}
    entries = list(demo.read())
    assert len(entries) >= 150
    assert sum({"duisburg", "dinslaken"} <= entry.variants.keys() for entry in entries) >= 30
    for entry in entries:
        for slug in entry.cities or offices:
            shown = {**entry.shared, **entry.variants.get(slug, {})}
            named = [fact["value"] for fact in shown.get("office", [])]
            assert named, (entry.id, slug)
            assert set(named) <= offices[slug], (entry.id, slug)
            for key in ("say", "summary", "fees", "documents", "procedure", "description", "agents"):
                assert shown.get(key), (entry.id, slug, key)
            foreign = re.search(r"Hotline|Check|Service-Point|Ticketing|\b[Dd]u\b|\bDein", json.dumps(shown))
            assert foreign is None, (entry.id, slug, foreign)


def test_what_simulated_callers_ask_most_is_there():
    """An article with another id would silently be asked for by chance."""
    shipped = {entry.id: entry for entry in demo.read()}
    assert set(ASKED_MOST) <= shipped.keys()
    assert not any(shipped[key].cities for key in ASKED_MOST)


def test_asked_fills_both_cities_once(folder, every_city, duisburg, dinslaken, people):
    """The pages for judging the search would be empty in the demo, or filled again at each start."""
    (folder / "mehr.toml").write_text(
        FILE.replace("hundesteuer", "hundesteuer-anmelden").replace("hafenrundfahrt", "x")
    )
    (folder / "steuern.toml").unlink()
    demo.load(author=people["editor"], folder=folder)
    assert asked.load(people["editor"]) > 0
    for city in (duisburg, dinslaken):
        assert JudgedRun.objects.get(tenant=city).figures["n"] == JudgedQuery.objects.filter(tenant=city).count() > 0
        assert SearchEvent.objects.filter(tenant=city).count() > 400
        assert SearchEvent.objects.filter(tenant=city, hits=0).exists()
        assert not JudgedQuery.objects.filter(tenant=city, articles__isnull=True).exists()
    assert asked.load(people["editor"]) == 0


def test_editing_leaves_something_of_each_kind_to_do(every_city, duisburg, dinslaken, people):
    """The editors' pages would be empty in the demo, or fill up with the same again."""
    demo.load(author=people["editor"])
    people = {**people, "editor2": make_user("editor2", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR))}
    assert editing.load(people)
    snow = Revision.objects.get(state="in_review")
    assert Approval.objects.get().revision == snow
    assert snow.author != people["editor"]
    review = authoring.reviews_of(snow.article, viewer=people["editor"])[0]
    assert [each.city for each in review.disagrees] == [dinslaken]
    assert duisburg in review.reaches
    assert Revision.objects.get(valid_from__gt=timezone.now()).tenant == duisburg
    assert Revision.objects.get(state="draft").author == people["editor"]
    assert Proposal.objects.get().tenant == dinslaken
    assert due_in(duisburg).count() == due_in(dinslaken).count() == len(editing.DUE)
    assert Notice.objects.get().ended_at < timezone.now()
    assert not editing.load(people)
