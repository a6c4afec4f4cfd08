"""Recorded-style AMI sequences, one per nasty case, written after Asterisk 18's event documentation."""

from __future__ import annotations

T0 = 1_791_190_800.0  # 2026-10-05 09:00:00 UTC

Ami = dict[str, str]


def told(event: str, second: float, **fields: str) -> Ami:
    return {"Event": event, "Timestamp": f"{T0 + second:.6f}", **fields}


def comes_in(second: float = 0, exten: str = "02064660", unique: str = "1.1") -> Ami:
    return told(
        "Newchannel",
        second,
        Uniqueid=unique,
        Linkedid=unique,
        Context="from-trunk",
        Exten=exten,
        Channel="PJSIP/trunk-00000001",
        CallerIDNum="020312345",
    )


def queued(second: float = 1) -> Ami:
    return told("QueueCallerJoin", second, Uniqueid="1.1", Linkedid="1.1", Queue="buerger", CallerIDNum="020312345")


def agent(event: str, second: float, ext: str, unique: str) -> Ami:
    return told(
        event,
        second,
        Uniqueid="1.1",
        Linkedid="1.1",
        Queue="buerger",
        Interface=f"PJSIP/{ext}",
        DestChannel=f"PJSIP/{ext}-0000000a",
        DestUniqueid=unique,
        DestLinkedid="1.1",
    )


def dial(event: str, second: float, ext: str, unique: str, linked: str = "1.1", **more: str) -> Ami:
    channel = f"PJSIP/{ext}-0000000b"
    return told(event, second, Linkedid=linked, DestChannel=channel, DestUniqueid=unique, DestLinkedid=linked, **more)


def hangup(second: float, unique: str = "1.1", linked: str = "1.1", cause: str = "16") -> Ami:
    return told("Hangup", second, Uniqueid=unique, Linkedid=linked, Cause=cause, **{"Cause-txt": "Normal Clearing"})


ANSWERED = [
    comes_in(),
    queued(),
    agent("AgentCalled", 2, "201", "1.2"),
    dial("DialEnd", 7, "201", "1.2", DialStatus="ANSWER"),
    agent("AgentConnect", 7, "201", "1.2"),
]

# name → (events, expected: outcome, answered by, waited s, talked s)
CASES: dict[str, tuple[list[Ami], tuple[str, str, int, int]]] = {
    "answered": (
        [*ANSWERED, hangup(60), agent("AgentComplete", 60, "201", "1.2"), hangup(60, "1.2")],
        ("answered", "201", 7, 53),
    ),
    "abandoned in the queue": (
        [
            comes_in(),
            queued(),
            agent("AgentCalled", 2, "201", "1.2"),
            told("QueueCallerAbandon", 20, Uniqueid="1.1", Linkedid="1.1", Queue="buerger"),
            hangup(20),
            hangup(20, "1.2"),
        ],
        ("abandoned", "", 20, 0),
    ),
    "ring no answer, then the next member": (
        [
            comes_in(),
            queued(),
            agent("AgentCalled", 2, "201", "1.2"),
            agent("AgentRingNoAnswer", 12, "201", "1.2"),
            hangup(12, "1.2", cause="19"),
            agent("AgentCalled", 13, "202", "1.3"),
            agent("AgentConnect", 16, "202", "1.3"),
            hangup(50),
            hangup(50, "1.3"),
        ],
        ("answered", "202", 16, 34),
    ),
    "blind transfer": (
        [
            *ANSWERED,
            told(
                "BlindTransfer",
                30,
                Result="Success",
                TransfererUniqueid="1.2",
                TransfererLinkedid="1.1",
                TransfereeUniqueid="1.1",
                Extension="305",
            ),
            hangup(30, "1.2"),
            dial("DialBegin", 31, "305", "1.4"),
            dial("DialEnd", 35, "305", "1.4", DialStatus="ANSWER"),
            hangup(90, "1.4"),
            hangup(90),
        ],
        ("answered", "305", 7, 83),
    ),
    "attended transfer": (
        [
            *ANSWERED,
            told("Newchannel", 30, Uniqueid="1.5", Linkedid="1.5", Context="from-internal", Exten="305"),
            dial("DialBegin", 31, "305", "1.6", "1.5"),
            dial("DialEnd", 34, "305", "1.6", "1.5", DialStatus="ANSWER"),
            told(
                "AttendedTransfer",
                45,
                Result="Success",
                OrigTransfererUniqueid="1.2",
                OrigTransfererLinkedid="1.1",
                SecondTransfererUniqueid="1.5",
                SecondTransfererLinkedid="1.5",
            ),
            hangup(45, "1.2"),
            hangup(45, "1.5", "1.5"),
            hangup(100, "1.6"),
            hangup(100),
        ],
        ("answered", "305", 7, 93),
    ),
    "pickup by a neighbour": (
        [
            comes_in(),
            dial("DialBegin", 1, "201", "1.2"),
            told("Newchannel", 5, Uniqueid="1.7", Linkedid="1.7", Context="from-internal", Exten="*8"),
            told(
                "Pickup",
                6,
                Channel="PJSIP/207-0000000c",
                Uniqueid="1.7",
                Linkedid="1.7",
                TargetUniqueid="1.2",
                TargetLinkedid="1.1",
            ),
            hangup(6, "1.2", cause="26"),
            hangup(40, "1.7"),
            hangup(40),
        ],
        ("answered", "207", 6, 34),
    ),
    "voicemail": (
        [
            comes_in(),
            dial("DialBegin", 1, "201", "1.2"),
            dial("DialEnd", 15, "201", "1.2", DialStatus="NOANSWER"),
            hangup(15, "1.2", cause="19"),
            told("Newexten", 16, Uniqueid="1.1", Linkedid="1.1", Application="VoiceMail", AppData="201,u"),
            hangup(40),
        ],
        ("voicemail", "", 16, 0),
    ),
}

INTERNAL = [
    told("Newchannel", 0, Uniqueid="9.1", Linkedid="9.1", Context="from-internal", Exten="305"),
    dial("DialBegin", 1, "305", "9.2", "9.1"),
    dial("DialEnd", 3, "305", "9.2", "9.1", DialStatus="ANSWER"),
    hangup(20, "9.2", "9.1"),
    hangup(20, "9.1", "9.1"),
]
