"""One object of a city for every parameter of an address; the matrix tries each with its own and the other city."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from callcenter.accounts.models import Role, RoleRequest
from callcenter.calls.models import (
    BlockedCaller,
    Call,
    CallerIdRule,
    Connector,
    Contact,
    Feedback,
    Handover,
    QuestionSet,
    RequestLog,
)
from callcenter.supervision.models import ApiToken, KnownEvent, SavedReport
from knowledge.models import Article, EffectiveArticle, ImportRun, JudgedQuery, Notice, NoticeCity, Revision
from knowledge.models_authoring import Approval, Proposal
from tenants.models import Line, Office, SpecialDay, StaffMember, Tenant
from tenants.scope import all_cities
from tests.billing.samples import billing_samples
from tests.conftest import make_user

Objects = dict[str, object]
NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)


def canary(city: Tenant) -> str:
    """A word in every text of the city's sample objects; on the other side it must never be seen."""
    return f"Kanarienvogel-{city.slug}-7381"


class CityObjects(dict[str, object]):
    """Invoices take their time to issue, so they are made for the addresses that need them."""

    def __init__(self, city: Tenant) -> None:
        super().__init__()
        self.city = city

    def __missing__(self, key: str) -> object:
        with all_cities("test data"):
            self.update(billing_samples(self.city))
        return dict(self)[key]


def build_samples(city: Tenant) -> Objects:
    """A line, an office, a person, a call with its concern and call-back, an article of the city's own."""
    word = canary(city)
    with all_cities("test data"):
        line = Line.objects.filter(tenant=city).first()
        office = Office.objects.create(tenant=city, name=f"Bürgerbüro {word}", responsibility=word)
        staff = StaffMember.objects.create(tenant=city, office=office, name=f"Anna Berger {word}")
        special = SpecialDay.objects.create(tenant=city, begins=date(2030, 1, 2), ends=date(2030, 1, 2), reason=word)
        person = make_user(f"person-{city.slug}", (city, Role.EDITOR))
        role_request = RoleRequest.objects.create(tenant=city, user=person, role=Role.ACCOUNTANT)
        call = Call.objects.create(
            tenant=city, line=line, state="ended", outcome="answered", offered_at=NOW, answered_at=NOW, ended_at=NOW
        )
        contact = Contact.objects.create(tenant=city, call=call, opened_at=NOW, note=word)
        handover = Handover.objects.create(
            tenant=city, contact=contact, office=office, request=f"Bitte zurückrufen {word}", due_at=NOW
        )
        question_set = QuestionSet.objects.create(tenant=city, name=f"Immer {word}")
        article = Article.objects.create(owner=city)
        feedback = Feedback.objects.create(tenant=city, kind="missing", query=word)
        run = ImportRun.objects.create(tenant=city, file_name=f"{word}.csv", format="csv", state="done")
        notice = Notice.objects.create(text=f"Störung {word}", valid_from=NOW, valid_until=NOW + timedelta(days=3650))
        notice_city = NoticeCity.objects.create(notice=notice, tenant=city)
        revision = Revision.objects.create(
            article=article,
            tenant=None,
            number=1,
            state="published",
            title=f"Eigenes {word}",
            published_at=NOW,
            author=person,
        )
        effective = EffectiveArticle.objects.create(
            tenant=city, article=article, shared_revision=revision, title=f"Eigenes {word}", published_at=NOW
        )
        approval = Approval.objects.create(tenant=city, revision=revision, version=0, asked_at=NOW)
        proposal = Proposal.objects.create(tenant=city, article=article, sections={"say": f"Anders {word}."})
        connector = Connector.objects.create(name=f"Anlage {city.name}", token_hash=f"hash-{city.slug}")
        judged = JudgedQuery.objects.create(tenant=city, query=word)
        log = RequestLog.objects.create(connector=connector, at=NOW, status=422)
        caller_id = CallerIdRule.objects.create(connector=connector, caller_id="+492032830")
        event = KnownEvent.objects.create(tenant=city, kind="tax", name="Bescheide", first=NOW.date(), last=NOW.date())
        report = SavedReport.objects.create(tenant=city, name=f"Eigener {word}", query="mass=anrufe", owner=person)
        token = ApiToken.objects.create(
            tenant=city, name=f"BI {word}", token_hash=f"token-{city.slug}", valid_until=date(2030, 1, 1)
        )
        blocked = BlockedCaller.objects.create(keyed_hash=f"hash-{city.slug}", last_digits="4711", reason="Test")
    objects = CityObjects(city)
    objects |= {
        "line": line,
        "office": office,
        "staff": staff,
        "special": special,
        "person": person,
        "role_request": role_request,
        "call": call,
        "contact": contact,
        "handover": handover,
        "question_set": question_set,
        "article": article,
        "feedback": feedback,
        "revision": revision,
        "effective": effective,
        "run": run,
        "notice": notice,
        "notice_city": notice_city,
        "approval": approval,
        "proposal": proposal,
        "connector": connector,
        "log": log,
        "judged": judged,
        "blocked": blocked,
        "caller_id": caller_id,
        "report": report,
        "event": event,
        "token": token,
        "day": date(2026, 11, 10),
    }
    return objects


def pk(name: str) -> Callable[[Objects], object]:
    return lambda objects: objects[name].pk  # type: ignore[attr-defined]


# Telephone systems and blocked numbers serve the whole house: every administrator sees them.
HOUSE_WIDE = {"connector", "log", "blocked", "caller_id"}


class Samples(dict[tuple[str, str], Callable[[Objects], object]]):
    """By (address name, parameter); a parameter named like an object means that object everywhere."""

    everywhere = (
        "call",
        "contact",
        "article",
        "feedback",
        "revision",
        "effective",
        "office",
        "staff",
        "special",
        "handover",
        "question_set",
        "run",
        "notice",
        "notice_city",
        "approval",
        "proposal",
        "connector",
        "judged",
        "log",
        "blocked",
        "caller_id",
        "report",
        "event",
        "token",
    )

    def __missing__(self, key: tuple[str, str]) -> Callable[[Objects], object]:
        if key[1] in self.everywhere:
            return pk(key[1])
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, tuple) and key[1] in self.everywhere)


BILLING_READ = ("ask", "invoice", "xml", "pdf", "csv", "line", "line_call", "line_csv", "rate_again", "sign", "order")
BILLING_WRITE = ("review", "issue", "cancel", "redraft", "pay", "remind", "send", "peppol", "adjust", "discard")

SAMPLES = Samples(
    {
        ("administration:person_edit", "pk"): pk("person"),
        ("administration:person_sessions", "pk"): pk("person"),
        ("administration:person_second_factor", "pk"): pk("person"),
        ("administration:role_decide", "pk"): pk("role_request"),
        ("administration:line_edit", "pk"): pk("line"),
        **{(f"billing:{name}", "agreement"): pk("agreement") for name in ("agreement", "what_if", "budget", "older")},
        ("billing:ask", "position"): lambda objects: 1,
        ("billing:answer", "own"): pk("own_issued"),
        ("billing:answer", "question"): pk("question"),
        ("billing:version_new", "agreement"): lambda objects: objects["own"].agreement_id,  # type: ignore[attr-defined]
        ("billing:agreement_end", "agreement"): lambda objects: objects["own"].agreement_id,  # type: ignore[attr-defined]
        ("billing:line_call", "call"): pk("usage_call"),
        **{(f"billing:{name}", "invoice"): pk("issued") for name in BILLING_READ},
        **{(f"billing:{name}", "own"): pk("own") for name in BILLING_WRITE},
        ("billing:take_back", "own"): pk("own_issued"),
        ("billing:take_back", "payment"): pk("payment"),
        ("billing:sign", "step"): lambda objects: "factual",
        **{(f"billing:{name}", "position"): lambda objects: 1 for name in ("line", "line_call", "line_csv")},
        ("desktop:compare", "other"): lambda objects: "duisburg",
    }
)
