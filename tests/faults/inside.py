"""What the fault tests let other processes do: ``python -m tests.faults.inside prepare|many|write|facts …``.

Each runs in an installation of its own (CALLCENTER_VAR, DATABASE_URL) and prints JSON, a line each.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta

NUMBERS = {"duisburg": "+492032830", "dinslaken": "+492064660"}
CONNECTOR = "Anlage"


def say(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201


def prepare(calls: int) -> None:
    """Two cities, an agreement, a connector, and ``calls`` answered calls of Dinslaken in October 2026."""
    import billing.demo
    import tenants.demo
    from callcenter.calls.services import add_connector

    tenants.demo.load()
    billing.demo.load()
    connector, token = add_connector(name=CONNECTOR)
    start = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
    for index in range(calls):
        conversation(f"october-{index}", start + timedelta(minutes=3 * index))
    say({"connector": connector.pk, "token": token})


def conversation(call_id: str, at: datetime, number: str = NUMBERS["dinslaken"]) -> None:
    """A whole call in three events, each its own transaction, as a telephone system sends them."""
    from callcenter.calls.events import ParsedEvent
    from callcenter.calls.models import Connector
    from callcenter.calls.services import ingest

    connector = Connector.objects.get(name=CONNECTOR)
    for kind, seconds in (("offered", 0), ("answered", 12), ("ended", 132)):
        event = ParsedEvent(
            kind=kind, call_id=call_id, direction="in", caller="+491701234567", dialled=number, answered_by="21"
        )
        ingest(
            connector=connector,
            event=event,
            raw=f"{call_id} {kind}".encode(),
            received_at=at + timedelta(seconds=seconds),
        )


def write(prefix: str) -> None:
    """Take calls until killed; a call's id is printed once it is stored for good."""
    from django.utils import timezone

    index = 0
    while True:
        call_id = f"{prefix}-{index}"
        conversation(call_id, timezone.now() - timedelta(minutes=5))
        say(call_id)
        index += 1


def many(count: int, calls: int, dispatch: str = "download") -> None:
    """So many clients, each with an agreement that is due at once and ``calls`` calls of the last month."""
    from django.utils import timezone

    from billing.months import Month
    from callcenter.calls.models import Call
    from tenants.models import Tenant
    from tenants.scope import all_cities
    from tests.billing.conftest import complete, make_agreement, make_calls

    operator = Tenant.objects.get(slug="duisburg")
    month = Month.at(timezone.now(), operator.zone).plus(-1)
    with all_cities("test data"):
        there = Tenant.objects.filter(slug__startswith="stadt-").count()
        for number in range(there, there + count):
            client = Tenant.objects.create(
                slug=f"stadt-{number}", name=f"Stadt {number}", official_name=f"Stadt {number}", greeting="Guten Tag"
            )
            complete(client)
            make_agreement(operator, client, dispatch=dispatch, grace_days=0, series=f"S{number}")
            make_calls(client, str(month), calls)
        say({"month": str(month), "calls": Call.objects.count()})


def never_hung_up(call_id: str) -> None:
    """A call that was answered five hours ago and of which nothing was heard since."""
    from django.utils import timezone

    from callcenter.calls.events import ParsedEvent
    from callcenter.calls.models import Connector
    from callcenter.calls.services import ingest

    at = timezone.now() - timedelta(hours=5)
    for kind, seconds in (("offered", 0), ("answered", 9)):
        event = ParsedEvent(
            kind=kind, call_id=call_id, direction="in", dialled=NUMBERS["dinslaken"], answered_by="21", users=()
        )
        ingest(
            connector=Connector.objects.get(name=CONNECTOR),
            event=event,
            raw=f"{call_id} {kind}".encode(),
            received_at=at + timedelta(seconds=seconds),
        )
    say(call_id)


def seat() -> None:
    """An agent of Dinslaken at extension 21, ready; says the ticket for their stream."""
    from callcenter.accounts.models import Membership, User
    from callcenter.calls.services import sign_on
    from callcenter.desktop.stream import stream_ticket
    from tenants.models import Tenant

    user, made = User.objects.get_or_create(username="fault", defaults={"name": "Fault"})
    if made:
        Membership.objects.create(user=user, tenant=Tenant.objects.get(slug="dinslaken"), role="agent")
        sign_on(user=user, extension="21")
    say({"ticket": stream_ticket(user), "user": user.pk})


def live() -> None:
    """Ids of what the agent of ``seat`` was to be told."""
    from callcenter.accounts.models import User
    from callcenter.desktop.models import LiveEvent
    from tenants.models import Tenant

    user = User.objects.get(username="fault")
    city = Tenant.objects.get(slug="dinslaken").pk
    rows = LiveEvent.objects.order_by("pk").values_list("pk", "audience", "tenant_id")
    say([pk for pk, audience, tenant in rows if (user.pk in audience if audience else tenant == city)])


def publish(title: str) -> None:
    """A shared article in the words of a fee list, published and indexed as an editor's would be."""
    from callcenter.accounts.models import User
    from knowledge import services
    from tenants.scope import all_cities

    editor, _ = User.objects.get_or_create(username="editor", defaults={"name": "Editor"})
    with all_cities("test data"):
        article = services.create_article(
            actor=editor, title=title, sections={"say": f"{title}: so geht es.", "summary": title}
        )
        services.publish(revision=article.revisions.get(), actor=None, without_review="test data", announce=False)
    say(title)


def find(query: str) -> None:
    """What an agent of Dinslaken finds, and whether the index or the database answered."""
    from knowledge.search import api
    from tenants.models import Tenant
    from tenants.scope import scoped

    city = Tenant.objects.get(slug="dinslaken")
    with scoped([city]):
        answer = api.find(query, tenant=city)
        say({"titles": [hit.title for hit in answer.hits[:1]], "from_index": answer.from_index})


def close_running() -> None:
    """Close the running month of every agreement as if it were over for long."""
    from django.utils import timezone

    from billing.models import Agreement
    from billing.months import Month
    from billing.services import close_period
    from tenants.scope import all_cities

    closed = 0
    with all_cities("test"):
        for agreement in Agreement.objects.select_related("operator", "client"):
            month = Month.at(timezone.now(), agreement.client.zone)
            later = timezone.now() + timedelta(days=50)
            closed += close_period(agreement=agreement, month=month, now=later).created
    say(closed)


def reconcile() -> None:
    """What the minutely job does."""
    from knowledge.search import api

    say(api.reconcile())


def task(name: str) -> None:
    """Queue a job, as the scheduler does."""
    from callcenter.celery import app

    app.send_task(name, queue="billing")
    say(name)


def facts() -> None:
    """Everything two installations must agree on."""
    from django.db.models import Sum

    from billing.models import Invoice, InvoiceDocument, Outbox, UsageRecord
    from callcenter.audit.models import ChainHead
    from callcenter.calls.models import Call, CallerNumber, TelephonyEvent
    from callcenter.calls.sealing import unseal
    from tenants.scope import all_cities

    with all_cities("test"):
        caller = CallerNumber.objects.order_by("pk").first()
        say(
            {
                "calls": sorted(Call.objects.values_list("connector_call_id", flat=True)),
                "talked": Call.objects.aggregate(sum=Sum("talked_s"))["sum"],
                "events": TelephonyEvent.objects.count(),
                "reaped": sorted(Call.objects.filter(reaped=True).values_list("connector_call_id", flat=True)),
                "usage": UsageRecord.objects.count(),
                "outbox": [
                    [message.key, message.attempts, message.sent_at is not None]
                    for message in Outbox.objects.order_by("key")
                ],
                "invoices": [
                    [invoice.number, str(invoice.net), str(invoice.gross), invoice.status]
                    for invoice in Invoice.objects.order_by("pk")
                ],
                "documents": [
                    [document.format, document.sha256, hashlib.sha256(bytes(document.content)).hexdigest()]
                    for document in InvoiceDocument.objects.order_by("pk")
                ],
                "chains": [[head.chain, head.position, head.hash] for head in ChainHead.objects.order_by("chain")],
                "caller": str(unseal(caller.number)) if caller else "",
            }
        )


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")
    django.setup()
    from callcenter.bootstrap import migrate_if_needed

    migrate_if_needed()
    what, *arguments = sys.argv[1:]
    if what == "prepare":
        prepare(int(arguments[0]))
    elif what == "many":
        many(int(arguments[0]), int(arguments[1]), *arguments[2:])
    elif not arguments:
        {
            "facts": facts,
            "seat": seat,
            "live": live,
            "reconcile": reconcile,
            "close_running": close_running,
        }[what]()
    else:
        one = {"write": write, "never_hung_up": never_hung_up, "task": task, "publish": publish, "find": find}
        one[what](arguments[0])


if __name__ == "__main__":
    main()
