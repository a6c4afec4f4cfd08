"""Every state of the desk beside the picture that was looked at and found good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from callcenter.accounts.models import User
from callcenter.calls import services
from callcenter.calls.models import Call, CallerNumber, Contact, Feedback, Handover, Presence
from knowledge import notices
from knowledge.models import EffectiveArticle
from tenants.models import Office, Tenant
from tenants.scope import all_cities
from tests.desktop.conftest import Telephone
from tests.e2e import pictures
from tests.e2e import test_desk as desk
from tests.e2e.test_desk import Typist, ring_and_take

pytestmark = desk.pytestmark
make_article, switchboard, open_desk = desk.make_article, desk.switchboard, desk.open_desk
NAMES = (
    "signed-out",
    "ready",
    "ringing",
    "call",
    "hits",
    "no-hit",
    "article",
    "compare",
    "second-call",
    "wrap-up",
    "not-ready",
    "by-hand",
    "lost",
    "caught-up",
)
LOOKS = {"narrow": "narrow (320 px)", "forced": "forced colours"}


@pytest.fixture
def agent(people: dict[str, User], make_article: Callable[..., Any], dinslaken: Tenant, duisburg: Tenant) -> User:
    """An agent in the middle of a day: articles that changed, a call-back that is owed, one that was made."""
    Tenant.objects.update(closing_sentence="Vielen Dank für Ihren Anruf. Auf Wiederhören.")
    card = make_article(
        "Verlust des Personalausweises anzeigen",
        say="Bitte sperren Sie den Online-Ausweis sofort unter der 116 116. Den Verlust zeigen Sie dann persönlich im "
        "Bürgerbüro an, das kostet nichts.",
        summary="Sofort sperren: 116 116. Anzeige im Bürgerbüro, keine Gebühr.",
        fees=[{"value": "keine", "label": "Ersatzausweis 37,00 €"}],
        deadlines=[{"value": "unverzüglich", "label": "vor dem neuen Antrag"}],
        office=[{"value": "Bürgerservice", "label": "mit Termin"}],
        documents=["Reisepass oder Führerschein", "Geburtsurkunde, falls kein Ausweis da ist", "Biometrisches Foto"],
        procedure=["Sperren lassen", "Verlust anzeigen, auch bei Diebstahl", "Neuen Ausweis beantragen"],
        agents="<p>Bei Diebstahl nach der Vorgangsnummer der Polizei fragen.</p>",
        local={dinslaken: {"office": [{"value": "Bürgerbüro", "label": "im Rathaus, mit Termin"}]}},
    )
    for title, summary in (
        ("Personalausweis beantragen", "Neuer Ausweis: 37,00 €, unter 24 Jahren 22,80 €."),
        ("Vorläufigen Personalausweis beantragen", "Am selben Tag, 10,00 €, drei Monate gültig."),
        ("Fundbüro: Sachen suchen", "Suche im Netz, Abholung mit Termin."),
        ("Reisepass beantragen", "Nach Verlust ein neuer Pass: 70,00 €."),
        ("Hund anmelden", "Hundesteuer: binnen zwei Wochen anmelden."),
    ):
        make_article(title, say="Das beantragen Sie persönlich im Bürgerbüro.", summary=summary)
    user = people["agent"]
    now = timezone.now()
    with all_cities("test data"):
        office = Office.objects.create(tenant=dinslaken, name="Bürgerbüro Dinslaken", phone="02064 66123")
        Office.objects.create(tenant=dinslaken, name="Standesamt", responsibility="Heiraten und Geburten")
        notices.publish_notice(
            actor=people["editor"],
            text="Bombenfund Neudorf: Evakuierung ab 14 Uhr, Radius 300 m. Sammelstelle Schulzentrum.",
            cities=[dinslaken, duisburg],
            valid_until=now + timedelta(days=2),
        )
        for city, request, answer in (
            (dinslaken, "Termin für die Trauung verschieben", ""),
            (duisburg, "Sperrmüll wurde nicht abgeholt", "Der Sperrmüll wird am Freitag abgeholt."),
        ):
            begun = now - timedelta(hours=2)
            call = Call.objects.create(
                tenant=city, agent=user, state="ended", outcome="answered", offered_at=begun, answered_at=begun,
                ended_at=begun + timedelta(minutes=3), wrapped_up_at=now - timedelta(minutes=5), talked_s=180,
            )  # fmt: skip
            asked = Contact.objects.create(tenant=city, call=call, opened_at=begun, disposition="handed_over")
            Handover.objects.create(
                tenant=city, contact=asked, office=office if city == dinslaken else None, request=request,
                due_at=now + timedelta(days=1), state="done" if answer else "accepted", answer=answer,
                done_at=now if answer else None, created_by=user,
            )  # fmt: skip
        Feedback.objects.create(
            tenant=dinslaken, kind="missing", query="hundewiese", reporter=user, closed_at=now,
            answer="Steht jetzt im Artikel „Hund anmelden“.", article=card,
        )  # fmt: skip
        assert EffectiveArticle.objects.filter(tenant=dinslaken).count() == 6
    return user


class Album:
    """Takes a state in light and dark (or in the one look that is its state) and keeps what differs."""

    def __init__(self, page: Any) -> None:
        self.page, self.wrong, self.taken = page, [], set()

    def look(self, name: str) -> None:
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            self.keep(f"{name}-{theme}")
        self.page.emulate_media(color_scheme="light")

    def keep(self, name: str, *, full: bool = False) -> None:
        self.taken.add(name)
        if wrong := pictures.compare(name, pictures.take(self.page, full=full)):
            self.wrong.append(wrong)


def the_same_call_again(page: Any, switchboard: Telephone, typist: Typist) -> Call:
    """A call whose caller rang before today, taken after nine seconds."""
    call = ring_and_take(page, switchboard, typist)
    with all_cities("test"):
        caller = CallerNumber.objects.get(call=call)
        earlier = Call.objects.filter(tenant=call.tenant_id, wrapped_up_at__isnull=False).earliest("offered_at")
        CallerNumber.objects.create(
            call=earlier, number=caller.number, keyed_hash=caller.keyed_hash, seen_at=earlier.offered_at
        )
        Call.objects.filter(pk=call.pk).update(waited_s=9)
    page.reload()
    page.wait_for_selector("html.scripted")
    return call


def test_every_state_looks_as_it_was_found_good(open_desk, switchboard, agent) -> None:
    """A change of one page's style must not spoil another state that nobody looked at."""
    page = open_desk(reduced_motion="reduce")
    album, typist = Album(page), Typist(page)
    album.look("ready")
    page.locator("main [name=reason]").first.click()
    page.wait_for_selector("h1 >> text=Pause")
    album.look("not-ready")
    page.locator("main").get_by_role("button", name="Bereit").click()
    page.wait_for_selector("h1 >> text=Sie sind bereit")
    page.wait_for_selector("html.scripted")
    page.context.set_offline(True)
    page.wait_for_selector("#link-state >> text=Verbindung unterbrochen", timeout=15_000)
    album.look("lost")
    page.context.set_offline(False)
    page.wait_for_selector("#link-state >> text=Wieder verbunden", timeout=20_000)
    album.look("caught-up")
    page.goto("/arbeitsplatz/von-hand/")
    album.look("by-hand")
    page.goto("/arbeitsplatz/")
    page.wait_for_selector("html.scripted")
    first = switchboard.ring("dinslaken", caller="")
    page.wait_for_selector("[data-ring]", timeout=15_000)
    album.look("ringing")
    switchboard.hang_up(first)
    page.wait_for_selector("[data-ring]", state="detached", timeout=15_000)
    call = the_same_call_again(page, switchboard, typist)
    album.look("call")
    typist.query("xqzwv")
    page.wait_for_selector(".no-hit")
    album.look("no-hit")
    typist.press("Escape")
    typist.query("perso verloren")
    page.wait_for_selector("[role=option] >> text=Verlust des Personalausweises anzeigen")
    page.wait_for_selector("[name=query][value='perso verloren']", state="attached")
    album.look("hits")
    typist.press("Enter")
    page.wait_for_selector(".answer-title")
    typist.press("Alt+1")
    page.wait_for_selector("#saved >> text=gespeichert")
    album.look("article")
    page.emulate_media(forced_colors="active")
    album.keep("forced")
    page.emulate_media(forced_colors="none")
    page.set_viewport_size({"width": 320, "height": 700})
    album.keep("narrow", full=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    typist.press("v")
    page.wait_for_selector("table.compare")
    album.look("compare")
    typist.press("Escape")
    page.wait_for_selector(".answer-title")
    waiting = switchboard.ring("duisburg", users=("214",))
    page.wait_for_selector("[data-ring]", timeout=15_000)
    album.look("second-call")
    switchboard.hang_up(waiting)
    page.wait_for_selector("[data-ring]", state="detached", timeout=15_000)
    switchboard.hang_up(call)
    page.wait_for_selector("[data-state=wrap_up]", timeout=15_000)
    album.look("wrap-up")
    typist.press("Control+Enter")
    page.wait_for_url("**/arbeitsplatz/")
    services.sign_off(user=agent)
    Presence.objects.all().delete()
    page.goto("/arbeitsplatz/")
    album.look("signed-out")
    assert album.wrong == []
    assert album.taken == {f"{name}-{theme}" for name in NAMES for theme in ("light", "dark")} | set(LOOKS)


def test_kept_pictures_are_the_states_and_small() -> None:
    """A picture of a state that is gone is looked at by nobody; large ones would burden every clone."""
    kept = {path.stem: path.stat().st_size for path in pictures.FOLDER.glob("*.png")}
    assert set(kept) == {f"{name}-{theme}" for name in NAMES for theme in ("light", "dark")} | set(LOOKS)
    assert sum(kept.values()) <= 2_500_000


def test_comparison_tells_states_and_colours_apart() -> None:
    """Were it too tolerant, the pictures would pass whatever the desk shows."""
    kept = {name: Image.open(pictures.FOLDER / f"{name}-light.png").convert("RGB") for name in NAMES}
    alike = {pair for pair in combinations(NAMES, 2) if pictures.differing(kept[pair[0]], kept[pair[1]]) == 0}
    assert alike == set()
    for name in ("ready", "call", "article"):
        dark = Image.open(pictures.FOLDER / f"{name}-dark.png")
        assert pictures.differing(kept[name], dark) > 0.9
        shifted = Image.new("RGB", kept[name].size, "white")
        shifted.paste(kept[name], (0, 24))
        assert pictures.differing(kept[name], shifted) > pictures.SHARE, f"{name} moved down by a line"
    one = kept["call"].copy()
    one.paste((255, 255, 255), (0, 90, 1440, 190))  # the banner without its colour and words
    assert pictures.differing(kept["call"], one) > pictures.SHARE
