"""Asterisk's manager interface: the client against a small PBX, the events against the fold and the ledger."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.calls.asterisk.client import Account, Client, LoginFailed, Packet
from callcenter.calls.asterisk.intake import Intake
from callcenter.calls.asterisk.translate import Gate, Mapped, extension
from callcenter.calls.events import ParsedEvent
from callcenter.calls.fold import Event, Folded, fold
from callcenter.calls.models import Connector, Dialect, TelephonyEvent
from callcenter.calls.sealing import unseal
from callcenter.calls.services import add_connector
from tenants.models import Line
from tests.calls.asterisk_cases import CASES, INTERNAL, Ami, comes_in, hangup, queued
from tests.calls.conftest import calls, only_call

SECRET = "geheim"


def as_event(event: ParsedEvent) -> Event:
    assert event.at
    return Event(
        leg=event.call_id,
        kind=event.kind,
        at=event.at,
        direction=event.direction,
        dialled=event.dialled,
        queue=event.queue,
        users=event.users,
        answered_by=event.answered_by,
        is_voicemail=event.is_voicemail,
        cause=event.cause,
        linked=event.linked_call_id,
    )


def folded(told: list[Ami]) -> Folded:
    gate = Gate(Mapped())
    return fold(as_event(event) for ami in told for _, event in gate.take(ami))


@pytest.mark.parametrize("case", CASES)
def test_sequence_gives_its_call(case: str) -> None:
    """Each of these is told differently by the PBX; what is billed must be what happened."""
    told, (outcome, by, waited, talked) = CASES[case]
    call = folded(told)
    assert (call.state, call.outcome, call.waited_s, call.talked_s) == ("ended", outcome, waited, talked)
    assert call.answered_by == by
    assert call.candidates[0] == "02064660"


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60)
@given(data=st.data())
def test_any_order_and_repetition_gives_the_same_call(case: str, data: st.DataObject) -> None:
    """After a reconnect events come twice and late; the invoice must not depend on it."""
    told = CASES[case][0]
    again = data.draw(st.lists(st.sampled_from(told), max_size=4))
    assert folded(data.draw(st.permutations(told + again))) == folded(told)


def test_call_between_extensions_is_no_call() -> None:
    """What colleagues say to each other is not the city's business, and never billed."""
    gate = Gate(Mapped())
    assert [one for ami in INTERNAL for one in gate.take(ami)] == []


@pytest.mark.parametrize(
    ("channel", "number"),
    [("PJSIP/201-0000001f", "201"), ("Local/202@from-queue/n", "202"), ("Agent:1004", "1004"), ("SIP/a-b", "a-b")],
)
def test_extension_of_a_channel(channel: str, number: str) -> None:
    """The desk is found by this word."""
    assert extension(channel) == number


# --- into the ledger ------------------------------------------------------------------------------


@pytest.fixture
def asterisk(db) -> Connector:
    return add_connector(name="Rathaus", dialect=Dialect.AMI)[0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backwards", [False, True])
def test_ledger_holds_one_call(asterisk: Connector, lines: dict[str, Line], case: str, backwards: bool) -> None:
    """Many legs, one billable call, for the city whose number was dialled, in both orders and twice."""
    told, (outcome, by, waited, talked) = CASES[case]
    intake = Intake(asterisk)
    for ami in [*(reversed(told) if backwards else told), *told]:
        intake.take(ami)
    call = only_call()
    assert (call.state, call.outcome, call.extension) == ("ended", outcome, by)
    assert (call.waited_s, call.talked_s, call.tenant) == (waited, talked, lines["dinslaken"].tenant)


def test_event_is_kept_as_it_came(asterisk: Connector, lines: dict[str, Line]) -> None:
    """A wrong translation can be put right later only when the original is still there."""
    Intake(asterisk).take(comes_in())
    assert json.loads(unseal(TelephonyEvent.objects.get().body) or "") == comes_in()


def test_queue_is_mapped_to_a_line(asterisk: Connector, lines: dict[str, Line]) -> None:
    """The PBX's queue names need not be the lines' numbers."""
    asterisk.ami = {"lines": {"buerger": "02064660"}}
    Intake(asterisk).take(queued())
    assert only_call().tenant == lines["dinslaken"].tenant


def test_catch_up_ends_what_is_gone_and_rings_for_who_is_new(asterisk: Connector, lines: dict[str, Line]) -> None:
    """While the connection was away one caller hung up and another called."""
    Intake(asterisk).take(comes_in())
    channel = comes_in(unique="2.1") | {"Event": "CoreShowChannel"}
    again = Intake(asterisk)
    assert again.catch_up([channel]) == 2
    assert again.catch_up([channel]) == 0
    assert sorted((call.connector_call_id, call.state) for call in calls()) == [("1.1", "ended"), ("2.1", "offered")]


def test_replay_ami_folds_a_recording(db, lines: dict[str, Line], tmp_path: Path) -> None:
    """Cases reuse the PBX's ids; they are different calls all the same."""
    file = tmp_path / "recorded.jsonl"
    file.write_text(
        "".join(json.dumps({"case": name} | ami) + "\n" for name, (told, _) in CASES.items() for ami in told)
    )
    for _ in range(2):
        call_command("replay_ami", str(file), stdout=StringIO())
    assert sorted(call.outcome or "" for call in calls()) == sorted(expected[0] for _, expected in CASES.values())


@pytest.mark.parametrize("text", ["[]", "{", "\x00"])
def test_replay_ami_names_the_bad_line(db, tmp_path: Path, text: str) -> None:
    """Somebody has to mend the recording by hand."""
    (tmp_path / "bad.jsonl").write_text(text)
    with pytest.raises(CommandError, match="line 1"):
        call_command("replay_ami", str(tmp_path / "bad.jsonl"))


def test_listen_ami_says_what_is_missing(asterisk: Connector) -> None:
    """A service that starts without an account would only look as if it listened."""
    with pytest.raises(CommandError, match="host, user or secret"):
        call_command("listen_ami", "Rathaus")


# --- the connection -------------------------------------------------------------------------------


class FakePbx:
    """Speaks AMI on a real socket; ``scripts`` holds, per connection, what is sent before it is dropped."""

    def __init__(self, scripts: list[bytes], secret: str = SECRET) -> None:
        self.scripts, self.secret, self.actions = scripts, secret, []
        self.done = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"Asterisk Call Manager/7.0.3\r\n")
            login = (await reader.readuntil(b"\r\n\r\n")).decode()
            if f"Secret: {self.secret}\r\n" not in login:
                writer.write(b"Response: Error\r\nActionID: login\r\nMessage: Authentication failed\r\n\r\n")
                await writer.drain()
                return
            writer.write(b"Response: Success\r\nActionID: login\r\n\r\n")
            self.actions.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(block({"Event": "CoreShowChannel", "Uniqueid": "1.1", "Linkedid": "1.1"}))
            writer.write(block({"Event": "CoreShowChannelsComplete"}))
            if self.scripts:
                writer.write(self.scripts.pop(0))
                await writer.drain()
                return
            self.actions.append(await reader.readuntil(b"\r\n\r\n"))
            self.done.set()
        finally:
            writer.close()


def block(ami: Ami) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in ami.items()).encode() + b"\r\n"


def follow(scripts: list[bytes], secret: str = SECRET) -> tuple[list[Packet], int, FakePbx]:
    """Run a client until the PBX got its ping on the last connection; (events, catch-ups, the PBX)."""

    async def run() -> tuple[list[Packet], int, FakePbx]:
        got: list[Packet] = []
        caught: list[list[Packet]] = []
        pbx = FakePbx(scripts)
        server = await asyncio.start_server(pbx.serve, "127.0.0.1", 0)

        async def on_event(packet: Packet) -> None:
            got.append(packet)

        async def on_channels(channels: list[Packet]) -> None:
            caught.append(channels)

        account = Account("127.0.0.1", server.sockets[0].getsockname()[1], "callcenter", secret)
        client = Client(account, on_event, on_channels, lambda text: None, wait=0.01, longest=0.05, ping=0.2)
        running = asyncio.create_task(client.run())
        async with asyncio.timeout(20):
            waiting = asyncio.create_task(pbx.done.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        running.cancel()
        server.close()
        result = await asyncio.gather(running, return_exceptions=True)
        if isinstance(result[0], LoginFailed):
            raise result[0]
        return got, len(caught), pbx

    return asyncio.run(run())


def test_client_comes_back_after_a_lost_connection() -> None:
    """A PBX that restarts must not silence the desk; half an event is none."""
    first = block(comes_in()) + block(hangup(9))[:30]
    got, caught, pbx = follow([first, block(hangup(9))])
    assert got == [comes_in(), hangup(9)]
    assert caught == 3
    assert b"Action: CoreShowChannels" in pbx.actions[0]
    assert b"Action: Ping" in pbx.actions[-1]


def test_client_survives_what_is_no_ami() -> None:
    """Bytes in another encoding, an endless line: the connection may end, the client goes on."""
    odd = b"Event: Hangup\r\nCause-txt: \xff\xfe\r\n\r\n"
    got, _, _ = follow([odd, b"x" * 200_000, block(hangup(9))])
    assert [packet["Event"] for packet in got] == ["Hangup", "Hangup"]


def test_client_gives_up_on_a_refused_login() -> None:
    """Knocking again and again would lock the account at the PBX."""
    with pytest.raises(LoginFailed, match="Authentication failed"):
        follow([], secret="falsch")
