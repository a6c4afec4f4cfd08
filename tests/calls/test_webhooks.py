"""The addresses telephone systems post to."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.management import call_command
from django.test import Client

from callcenter.accounts.models import User
from callcenter.calls.models import Call, CallerIdRule, CallerNumber, Connector, RequestLog, TelephonyEvent
from callcenter.calls.sealing import unseal
from callcenter.calls.services import add_connector, block_caller, rotate_secret
from tenants.models import Line, Tenant
from tenants.scope import all_cities
from tests.calls.conftest import Pbx, calls, only_call

pytestmark = pytest.mark.django_db


def test_call_from_ring_to_hangup(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """The whole way of an ordinary call: its city, its agent, its end."""
    assert pbx.ring("1").json() == {}
    assert (only_call().state, only_call().tenant) == ("offered", lines["dinslaken"].tenant)
    pbx.answer("1", user="201")
    assert (only_call().state, only_call().agent) == ("connected", seated)
    pbx.hangup("1")
    call = only_call()
    assert (call.state, call.outcome, call.legs, call.source) == ("ended", "answered", 1, "telephony")


@pytest.mark.parametrize("encoding", ["json", "form", "multipart", "snake"])
def test_bodies_in_every_encoding(pbx: Pbx, lines: dict[str, Line], encoding: str) -> None:
    """Bridges differ; each must be able to ring."""
    said: dict[str, Any] = {
        "event": "newCall",
        "direction": "in",
        "from": "493055571600",
        "to": "492064660",
        "callId": "x",
    }
    if encoding == "json":
        response = pbx.client.post(pbx.url, json.dumps(said), content_type="application/json; charset=utf-8")
    elif encoding == "multipart":
        response = pbx.client.post(pbx.url, said | {"user[]": ["201", "202"]})
    else:
        if encoding == "snake":
            said["call_id"] = said.pop("callId")
        response = pbx.client.post(pbx.url, urlencode(said), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert only_call().tenant == lines["dinslaken"].tenant


@pytest.mark.fault(2)
def test_any_order_gives_the_same_call(lines: dict[str, Line], pbx: Pbx) -> None:
    """Webhooks overtake each other; the invoice must not depend on it."""
    said = [
        {"event": "newCall", "from": "0203/12345", "to": "02064660"},
        {"event": "answer", "answeringNumber": "201"},
        {"event": "hangup", "cause": "normalClearing"},
    ]
    for number, order in enumerate(itertools.permutations([*said, said[1]])):
        for fields in order:
            body = {"direction": "in", "callId": f"perm-{number}", **fields}
            assert pbx.client.post(pbx.url, json.dumps(body), content_type="application/json").status_code == 200
    found = calls()
    assert len(found) == 24
    assert {(call.state, call.outcome, call.tenant_id, call.legs) for call in found} == {
        ("ended", "answered", lines["dinslaken"].tenant_id, 1)
    }


@pytest.mark.fault(4)
def test_answer_without_ring_builds_the_call(pbx: Pbx) -> None:
    """A lost newCall must not lose the call."""
    pbx.answer("lost", to="115", **{"from": "anonymous"})
    pbx.hangup("lost")
    assert (only_call().outcome, only_call().tenant) == ("answered", None)


def test_hangup_alone_is_an_abandoned_call(pbx: Pbx) -> None:
    """An unknown hangup is kept, not refused."""
    assert pbx.hangup("h", cause="PBX_RAW_CAUSE").status_code == 200
    assert only_call().outcome == "abandoned"


def test_repetition_adds_nothing(pbx: Pbx, lines: dict[str, Line]) -> None:
    """A retry after a lost reply must not become a second call."""
    for _ in range(5):
        pbx.ring("1")
    assert only_call()
    assert TelephonyEvent.objects.count() == 1


def test_unknown_line_is_unassigned(pbx: Pbx, lines: dict[str, Line]) -> None:
    """A call for nobody must be seen and never billed."""
    pbx.ring("1", to="0201 99999")
    call = only_call()
    assert (call.tenant, call.line, call.dialled) == (None, None, "+4920199999")


def test_queue_name_decides_the_city(pbx: Pbx, duisburg: Tenant) -> None:
    """Asterisk bridges send the queue's name instead of a number."""
    with all_cities("test"):
        Line.objects.create(tenant=duisburg, number="Buergerservice", label="Warteschlange")
    pbx.ring("1", to="buergerservice")
    assert only_call().tenant == duisburg


def test_caller_number_is_kept_apart_and_encrypted(pbx: Pbx, lines: dict[str, Line]) -> None:
    """A stolen database must not show who called the city."""
    pbx.ring("1", caller="0203/12345")
    with all_cities("test"):
        caller = CallerNumber.objects.get()
    event = TelephonyEvent.objects.get()
    assert unseal(caller.number) == "+4920312345"
    stored = bytes(caller.number) + bytes(event.body) + json.dumps(event.fields).encode()
    assert b"12345" not in stored


@pytest.mark.parametrize("caller", ["anonymous", "", "unknown"])
def test_anonymous_caller_has_no_number(pbx: Pbx, caller: str) -> None:
    """Anonymous callers must not all look like one person who calls again and again."""
    pbx.ring("1", caller=caller)
    with all_cities("test"):
        assert not CallerNumber.objects.exists()


def test_id_used_again_later_is_another_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """Telephone systems count from 1 again after a restart."""
    with time_machine.travel("2026-10-05 08:00:00+00:00", tick=False) as clock:
        pbx.ring("7"), pbx.hangup("7")
        clock.shift(timedelta(days=1))
        pbx.ring("7"), pbx.answer("7", user="x"), pbx.hangup("7")
    assert [call.outcome for call in calls()] == ["abandoned", "answered"]


def test_retry_over_midnight_is_the_same_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """The day only tells apart events, not one call's retry."""
    with time_machine.travel("2026-10-05 23:59:58+00:00", tick=False) as clock:
        pbx.ring("7")
        clock.shift(timedelta(seconds=5))
        pbx.ring("7")
    assert only_call().state == "offered"


def test_transfer_by_orig_call_id_is_one_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """Two legs of one conversation, one billable call, in both orders."""
    pbx.ring("a"), pbx.answer("a", user="201")
    pbx.ring("b", to="305", origCallId="a")
    pbx.hangup("a", cause="forwarded"), pbx.answer("b", user="305"), pbx.hangup("b")
    pbx.ring("d", to="305", origCallId="c"), pbx.answer("d", user="305"), pbx.hangup("d")
    pbx.hangup("c", cause="forwarded"), pbx.answer("c", user="201"), pbx.ring("c")
    assert [(c.legs, c.outcome, c.state, c.tenant_id) for c in calls()] == [
        (2, "answered", "ended", lines["dinslaken"].tenant_id)
    ] * 2


def test_transfer_by_diversion_is_one_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """sipgate names the number that passed the call on instead of the other leg."""
    pbx.ring("a", caller="0203 777"), pbx.hangup("a", cause="forwarded")
    pbx.ring("b", caller="0203 777", to="0203283999", diversion="02064660")
    pbx.answer("b", user="305"), pbx.hangup("b")
    assert (only_call().legs, only_call().outcome) == (2, "answered")


def test_caller_who_rings_again_after_a_diversion_is_another_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """Who was passed on to nobody rings again at once: two calls, or one of them would never be billed."""
    pbx.ring("a", caller="0203 777"), pbx.hangup("a", cause="forwarded")
    pbx.ring("b", caller="0203 777", to="0203283999", diversion="02064660"), pbx.hangup("b")
    pbx.ring("c", caller="0203 777"), pbx.answer("c", user="201"), pbx.hangup("c")
    assert [(call.legs, call.outcome) for call in calls()] == [(2, "abandoned"), (1, "answered")]


def test_link_learnt_late_joins_two_calls(pbx: Pbx, lines: dict[str, Line]) -> None:
    """A telephone system that tells only at the answer that two legs belong together."""
    pbx.ring("a"), pbx.ring("b", to="305")
    assert len(calls()) == 2
    pbx.answer("b", user="305", origCallId="a")
    assert only_call().legs == 2


def test_original_call_id_names_the_same_call(pbx: Pbx, lines: dict[str, Line]) -> None:
    """Some bridges change the id after the ring and send the first one along."""
    pbx.ring("first")
    pbx.answer("second", original_call_id="first", user="201")
    pbx.hangup("second", original_call_id="first")
    assert (only_call().outcome, only_call().legs) == ("answered", 1)


def test_voicemail_is_missed(pbx: Pbx, lines: dict[str, Line]) -> None:
    """The machine's answers must not look like service."""
    pbx.ring("1"), pbx.answer("1", user="voicemail"), pbx.hangup("1")
    assert (only_call().outcome, only_call().answered_at) == ("voicemail", None)


def test_blocked_caller_hears_busy(pbx: Pbx, lines: dict[str, Line], people: dict[str, User]) -> None:
    """Blocking is the only defence against a caller who ties up every line."""
    block_caller(user=people["administrator"], number="0203 12345", reason="Drohungen")
    assert pbx.ring("1").json() == {"action": "reject", "reason": "busy"}
    assert pbx.ring("1").json() == {"action": "reject", "reason": "busy"}
    pbx.hangup("1", cause="busy")
    assert only_call().outcome == "rejected"


def test_outbound_call_shows_the_number_of_the_rule(pbx: Pbx, lines: dict[str, Line]) -> None:
    """People called back must see the city's number."""
    CallerIdRule.objects.create(connector=pbx.connector, prefix="", caller_id="+492032830")
    CallerIdRule.objects.create(connector=pbx.connector, prefix="+492064", caller_id="+492064660")
    answer = pbx.send("newCall", "o", direction="out", **{"from": "02064660", "to": "02064 4711"})
    assert answer.json() == {"action": "dial", "caller_id": "492064660", "number": "4920644711"}
    assert (only_call().direction, only_call().tenant) == ("out", lines["dinslaken"].tenant)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"direction": "up"}, 422),
        ({"direction": ""}, 422),
        ({"event": "dance"}, 422),
        ({"callId": ""}, 422),
        ({"callId": "x" * 251}, 422),
        ({"callId": "a\x00b"}, 422),
        ({"user": [str(n) for n in range(10_001)]}, 422),
    ],
)
def test_bad_event_is_refused_without_a_row(pbx: Pbx, said: dict[str, Any], status: int) -> None:
    """Nonsense must be told to the sender and must leave no call."""
    body = {"event": "newCall", "direction": "in", "callId": "1", "from": "1", "to": "2", **said}
    response = pbx.client.post(pbx.url, json.dumps(body), content_type="application/json")
    assert response.status_code == status
    assert response.json()["error"]
    assert calls() == []
    assert RequestLog.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"event=newCall", "application/x-www-form-urlencoded; charset=klingon", 415),
        (b"event=newCall", "application/x-www-form-urlencoded; charset=hex", 415),
        (b"x" * 3_000_000, "application/json", 413),
    ],
)
def test_unreadable_body_is_refused(pbx: Pbx, body: bytes, kind: str, status: int) -> None:
    """Broken senders must get a reason, never a 500."""
    response = pbx.client.generic("POST", pbx.url, body, content_type=kind)
    assert response.status_code == status
    assert response.json()["error"]
    assert calls() == []


def test_latin1_form_is_understood(pbx: Pbx) -> None:
    """Older telephone systems do not speak UTF-8."""
    body = b"event=newCall&direction=in&callId=1&from=1&to=B%FCrger"
    pbx.client.generic("POST", pbx.url, body, content_type="application/x-www-form-urlencoded; charset=iso-8859-1")
    assert only_call().dialled == "Bürger"


def test_ring_group_of_ten_thousand(pbx: Pbx, lines: dict[str, Line], seated: User) -> None:
    """A huge ring group is accepted and reaches who is there."""
    assert pbx.ring("1", user=[str(n) for n in range(10_000)]).status_code == 200
    assert only_call().rings == ["201"]


def test_wrong_token_is_401(client: Client) -> None:
    """Nobody may invent calls."""
    response = client.post("/api/v1/cti/wrong", {"event": "newCall"})
    assert (response.status_code, "error" in response.json()) == (401, True)


def test_disabled_connector_is_422(pbx: Pbx) -> None:
    """A connector switched off must say so to its sender."""
    Connector.objects.update(is_active=False)
    assert pbx.ring("1").status_code == 422
    assert calls() == []


def test_foreign_network_is_refused(pbx: Pbx) -> None:
    """A leaked token alone must not be enough where networks are set."""
    Connector.objects.update(networks=["192.0.2.0/24"])
    assert pbx.ring("1").status_code == 403
    assert pbx.client.post(pbx.url, {}, REMOTE_ADDR="192.0.2.9").status_code == 422


def test_rotated_secret_counts_on(pbx: Pbx, people: dict[str, User], lines: dict[str, Line]) -> None:
    """Rotating must not lose calls while the telephone system still has the old secret."""
    new = rotate_secret(user=people["administrator"], connector=pbx.connector)
    assert pbx.ring("1").status_code == 200
    assert Pbx(pbx.connector, new).ring("2").status_code == 200
    with time_machine.travel(time.time() + 8 * 86400):
        assert pbx.ring("3").status_code == 401


def test_get_is_refused(pbx: Pbx) -> None:
    """A browser that opens the address must not look like an event."""
    assert pbx.client.get(pbx.url).status_code == 405


# --- native ---------------------------------------------------------------------------------------
RING = {"event": "offered", "call_id": "n1", "at": "2026-10-05T10:00:00+02:00", "direction": "in", "to": "02064660"}


def test_native_times_count(native: Callable[..., Any], lines: dict[str, Line]) -> None:
    """Signed events bring their own time; late delivery must not move a call into another month."""
    assert native(RING).status_code == 200
    native({"event": "answered", "call_id": "n1", "at": "2026-10-05T10:00:20+02:00", "agent": "201"})
    native({"event": "ended", "call_id": "n1", "at": "2026-10-05T10:03:20+02:00"})
    call = only_call()
    assert (call.offered_at.isoformat(), call.waited_s, call.talked_s) == ("2026-10-05T08:00:00+00:00", 20, 180)


@pytest.mark.fault(5)
@pytest.mark.parametrize("wrong", [{"secret": "guess"}, {"t": 1_600_000_000}, {"t": 4_000_000_000}])
def test_native_bad_signature_leaves_no_row(native: Callable[..., Any], wrong: dict[str, Any]) -> None:
    """A forged or old request must leave nothing behind."""
    assert native(RING, **wrong).status_code == 401
    assert calls() == []
    assert not TelephonyEvent.objects.exists()
    assert not RequestLog.objects.exists()


@pytest.mark.fault(5)
def test_native_replay_adds_nothing(native: Callable[..., Any], lines: dict[str, Line]) -> None:
    """A recorded request sent again within the five minutes is the same event."""
    native(RING), native(RING)
    assert TelephonyEvent.objects.count() == 1


@pytest.mark.parametrize(
    "said", [{"at": "2026-10-05T10:00:00"}, {"at": "yesterday"}, {"event": "x"}, {"direction": "y"}]
)
def test_native_bad_event_is_422(native: Callable[..., Any], said: dict[str, str]) -> None:
    """Times without offset would be booked an hour or a month off."""
    assert native(RING | said).status_code == 422
    assert calls() == []


def test_native_transfer_is_one_call(native: Callable[..., Any], lines: dict[str, Line]) -> None:
    """A transferred call is billed once, in whatever order its legs report."""
    said = [
        RING,
        {"event": "answered", "call_id": "n1", "at": "2026-10-05T08:00:10Z", "agent": "201"},
        {"event": "transferred", "call_id": "n1", "at": "2026-10-05T08:01:00Z", "linked_call_id": "n2"},
        {"event": "offered", "call_id": "n2", "at": "2026-10-05T08:01:00Z", "direction": "in", "to": "305"},
        {"event": "answered", "call_id": "n2", "at": "2026-10-05T08:01:05Z", "agent": "305"},
        {"event": "ended", "call_id": "n2", "at": "2026-10-05T08:02:00Z"},
    ]
    for one in reversed(said):
        assert native(one).status_code == 200
    call = only_call()
    assert (call.legs, call.state, call.outcome, call.talked_s) == (2, "ended", "answered", 110)
    assert call.tenant == lines["dinslaken"].tenant


# --- sipgate, Placetel ----------------------------------------------------------------------------


def test_sipgate_ring_names_where_further_events_go(lines: dict[str, Line], settings: Any) -> None:
    """Without the callback addresses sipgate tells neither answer nor hangup."""
    settings.BASE_URL = "https://call.example"
    _, token = add_connector(name="S", dialect="sipgate")
    url = f"/api/v1/sipgate/{token}/in"
    said = {"event": "newCall", "callId": "s1", "from": "4920312345", "to": "492064660", "user[]": ["Anna"]}
    response = Client().post(url, urlencode(said, doseq=True), content_type="application/x-www-form-urlencoded")
    there = f"https://call.example{url}"
    assert f'<Response onAnswer="{there}" onHangup="{there}"></Response>' in response.content.decode()
    Client().post(url, {"event": "answer", "callId": "s1", "answeringNumber": "201"})
    Client().post(url, {"event": "hangup", "callId": "s1", "cause": "normalClearing"})
    assert (only_call().outcome, only_call().tenant) == ("answered", lines["dinslaken"].tenant)


def test_sipgate_signature_is_checked_when_its_key_is_configured(lines: dict[str, Line]) -> None:
    """With the key in place only sipgate itself may ring."""
    connector, token = add_connector(name="S", dialect="sipgate")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    Connector.objects.filter(pk=connector.pk).update(public_key=public.decode())
    body = urlencode({"event": "newCall", "callId": "s1", "from": "1", "to": "492064660"}).encode()
    signature = b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def send(given: str) -> int:
        kind = "application/x-www-form-urlencoded"
        headers = {"X-Sipgate-Signature": given}
        return Client().generic("POST", f"/api/v1/sipgate/{token}/in", body, kind, headers=headers).status_code

    assert [send(""), send("AAAA"), send("ä")] == [401, 401, 401]
    assert calls() == []
    assert send(signature) == 200


def placetel(token: str, said: dict[str, str], signature: str | None = None) -> Any:
    body = urlencode(said).encode()
    given = hmac.new(token.encode(), body, hashlib.sha256).hexdigest() if signature is None else signature
    headers, kind = {"X-PLACETEL-SIGNATURE": given}, "application/x-www-form-urlencoded"
    return Client().generic("POST", f"/api/v1/placetel/{token}", body, kind, headers=headers)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [("accepted", "answered"), ("missed", "abandoned"), ("voicemail", "voicemail"), ("blocked", "rejected")],
)
def test_placetel_call(lines: dict[str, Line], seated: User, end: str, outcome: str) -> None:
    """Placetel's own words lead to the same outcomes."""
    _, token = add_connector(name="P", dialect="placetel")
    said = {"call_id": "p1", "from": "020312345", "to": "02064660"}
    response = placetel(token, {"event": "IncomingCall", "direction": "in", **said})
    assert "<Response></Response>" in response.content.decode()
    if end == "accepted":
        placetel(token, {"event": "CallAccepted", "peer": "201@sip.example", **said})
        assert only_call().agent == seated
    placetel(token, {"event": "HungUp", "type": end, "duration": "9", **said})
    assert (only_call().outcome, only_call().direction) == (outcome, "in")


@pytest.mark.parametrize("signature", ["", "00", "ü"])
def test_placetel_without_signature_is_401(signature: str) -> None:
    """The token alone travels in logs; the signature does not."""
    _, token = add_connector(name="P", dialect="placetel")
    assert placetel(token, {"event": "IncomingCall", "call_id": "1"}, signature).status_code == 401
    assert calls() == []


# --- the command ----------------------------------------------------------------------------------


def test_add_connector_prints_a_working_address(capsys: pytest.CaptureFixture[str], lines: dict[str, Line]) -> None:
    """The address is shown once; it must work as printed."""
    call_command("add_connector", "Rathaus", "--json")
    said = json.loads(capsys.readouterr().out)
    path = said["url"].split("8000", 1)[1]
    fields = {"event": "newCall", "direction": "in", "callId": "1", "from": "1", "to": "115"}
    assert Client().post(path, fields).status_code == 200
    assert Call.objects.beyond_scope("test").count() == 1
    assert said["secret"] in said["url"]
    assert said["secret"] not in str(Connector.objects.values())
