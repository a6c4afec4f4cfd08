"""The live stream of a desk: Server-Sent Events, opened with a short-lived signed ticket.

The stream itself asks neither session nor database, so that an open stream holds no connection.
Each message carries its id; a client comes back with ``?after=<id>`` (or Last-Event-ID) and gets what
it missed. Doubles are possible then: messages only say "look again", so a double does no harm.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core import signing
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from callcenter.accounts.access import public
from callcenter.accounts.models import Role, User
from callcenter.desktop.bus import Subscription, hub

SALT = "desktop.stream"
TICKET_SECONDS = 120  # to open a stream; each reconnect fetches a new ticket
BEAT_EVERY = 15.0  # seconds
OPEN_AT_MOST = 30 * 60.0  # seconds; then the client comes back with a new ticket, so lost rights end
BEAT = b"event: beat\ndata: {}\n\n"


def stream_ticket(user: User) -> str:
    """Who may listen to what, signed: the user, and the cities they answer for or lead."""
    tenants = sorted(user.tenant_ids(Role.AGENT, Role.SUPERVISOR))
    return signing.dumps({"user": user.pk, "tenants": tenants}, salt=SALT, compress=True)


def read_ticket(ticket: str) -> tuple[int, frozenset[int]] | None:
    """(user id, tenant ids), or None when the ticket is forged or too old."""
    try:
        said = signing.loads(ticket, salt=SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        return None
    return said["user"], frozenset(said["tenants"])


@public("a signed ticket that only the signed-in desk can fetch, valid for two minutes")
@transaction.non_atomic_requests
async def stream(request: HttpRequest) -> HttpResponseBase:
    """The stream. 401 without a valid ticket; the client then fetches a new one."""
    holder = read_ticket(request.GET.get("ticket", ""))
    # The session middleware may have asked the database; its connection must not stay with the stream.
    await sync_to_async(connections.close_all, thread_sensitive=True)()
    if holder is None:
        return HttpResponse("ticket missing, forged or too old", status=401, content_type="text/plain")
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    response = StreamingHttpResponse(
        messages(*holder, after=int(after) if after.isascii() and after.isdigit() else None),
        content_type="text/event-stream",
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def messages(user_id: int, tenants: frozenset[int], after: int | None) -> AsyncIterator[bytes]:
    """The bytes of one stream: what was missed, then what happens, with a beat in between."""
    house = hub()
    one = house.subscribe(user_id, tenants)
    try:
        # The first beat says "from here on nothing is missed": the hub must have begun to read.
        await house.ready.wait()
        yield BEAT
        sent: set[int] = set()
        if after is not None:
            for message in await house.missed(one, after):
                sent.add(message.id)
                yield message.data
        async for data in _live(one, sent):
            yield data
    finally:
        house.unsubscribe(one)


async def _live(one: Subscription, sent: set[int]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    # Not all desks at the same second.
    until = loop.time() + OPEN_AT_MOST * random.uniform(0.8, 1.2)  # noqa: S311
    while loop.time() < until:
        try:
            message = await asyncio.wait_for(one.queue.get(), BEAT_EVERY)
        except TimeoutError:
            yield BEAT
            continue
        if message is None:
            return
        if message.id not in sent:
            yield message.data
