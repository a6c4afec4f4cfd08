"""The practice telephone system: any sequence of events, typed or taken from a list, played into the real ledger.

A sequence is text, one event a line, in the words of the Generic CTI contract: ``newCall user=214``, ``answer
answeringNumber=214``, ``hangup cause=busy``. Whatever a line leaves out is filled in: direction ``in``, call id ``1``,
the chosen line as ``to``, a made-up caller as ``from``. ``{platz}`` stands for the chosen extension. Nothing is put
in order or mended: that is what practising the nasty cases is for. Calls are marked as practice and never billed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.dialects import parse_cti
from callcenter.calls.events import BadEvent, ParsedEvent, body_hash
from callcenter.calls.models import Call, CallLeg, Connector, Dialect, Source
from callcenter.calls.services.connectors import token_hash
from callcenter.calls.services.ingest import ingest
from callcenter.calls.services.refusals import Refused

CONNECTOR = "Übungsanlage"
STEPS_AT_MOST = 250
CALLER = "0203 5550100"
EXTENSION = "{platz}"


@dataclass(frozen=True)
class Scenario:
    key: str
    label: object
    about: object
    text: str
    nasty: bool = False


_PLAIN = f"newCall user={EXTENSION}"
_TALK = f"{_PLAIN}\nanswer answeringNumber={EXTENSION}\nhangup cause=normalClearing"
SCENARIOS = (
    Scenario(
        "klingeln",
        gettext_lazy("Ein Anruf"),
        gettext_lazy("Klingelt am Platz. Annehmen und Auflegen geschieht dort."),
        _PLAIN,
    ),
    Scenario(
        "gespraech",
        gettext_lazy("Ganzes Gespräch"),
        gettext_lazy("Klingeln, annehmen und auflegen kommen von der Anlage."),
        _TALK,
    ),
    Scenario(
        "aufgelegt",
        gettext_lazy("Vor dem Annehmen aufgelegt"),
        gettext_lazy("Das Klingeln verschwindet wieder."),
        f"{_PLAIN}\nhangup cause=cancel",
    ),
    Scenario(
        "gruppe",
        gettext_lazy("Rufgruppe"),
        gettext_lazy("Klingelt an drei Plätzen; sobald einer annimmt, an keinem mehr."),
        f"newCall user={EXTENSION} user=915 user=916\nanswer answeringNumber={EXTENSION}\nhangup",
    ),
    Scenario(
        "zwei",
        gettext_lazy("Zwei Anrufe zugleich"),
        gettext_lazy("Der zweite klingelt während des ersten Gesprächs; das erste wird gehalten."),
        f"{_PLAIN}\nanswer answeringNumber={EXTENSION}\nnewCall callId=2 from=02064/5550 user={EXTENSION}\n"
        f"answer callId=2 answeringNumber={EXTENSION}\nhangup callId=2\nhangup",
    ),
    Scenario(
        "rueckfrage",
        gettext_lazy("Rückfrage im Amt"),
        gettext_lazy("Der Platz wählt hinaus; der erste Anruf wartet so lange."),
        f"{_PLAIN}\nanswer answeringNumber={EXTENSION}\n"
        f"newCall callId=2 direction=out to=02032830 from=0203283999 user={EXTENSION}\n"
        f"answer callId=2 direction=out answeringNumber={EXTENSION}\nhangup callId=2 direction=out\nhangup",
    ),
    Scenario(
        "weiter",
        gettext_lazy("Weiterverbunden"),
        gettext_lazy("Zwei Teile, ein Gespräch: er zählt einmal."),
        f"{_PLAIN}\nanswer answeringNumber={EXTENSION}\nhangup cause=forwarded\n"
        "newCall callId=2 origCallId=1 to=305 user=305\nanswer callId=2 answeringNumber=305\nhangup callId=2",
    ),
    Scenario(
        "anonym",
        gettext_lazy("Ohne Rufnummer"),
        gettext_lazy("Wer anruft, unterdrückt die Nummer."),
        f"newCall from=anonymous user={EXTENSION}",
    ),
    Scenario(
        "unbekannt",
        gettext_lazy("Unbekannte Leitung"),
        gettext_lazy("Die gewählte Nummer gehört zu keiner Stadt."),
        f"newCall to=0301234567 user={EXTENSION}",
    ),
    Scenario(
        "anrufbeantworter",
        gettext_lazy("Anrufbeantworter"),
        gettext_lazy("Eine Maschine nimmt an: das zählt nicht als angenommen."),
        f"{_PLAIN}\nanswer user=voicemail\nhangup",
    ),
    Scenario(
        "rueckwaerts",
        gettext_lazy("Falsche Reihenfolge"),
        gettext_lazy("Auflegen, annehmen, klingeln: am Ende derselbe Anruf."),
        f"hangup\nanswer answeringNumber={EXTENSION}\n{_PLAIN}",
        True,
    ),
    Scenario(
        "fuenfmal",
        gettext_lazy("Jedes Ereignis fünfmal"),
        gettext_lazy("Die Anlage wiederholt sich; es bleibt ein Anruf."),
        "\n".join(line for line in _TALK.splitlines() for _time in range(5)),
        True,
    ),
    Scenario(
        "ohne-anfang",
        gettext_lazy("Annehmen ohne Klingeln"),
        gettext_lazy("Das erste Ereignis ging verloren."),
        f"answer answeringNumber={EXTENSION}\nhangup",
        True,
    ),
    Scenario(
        "zweimal-angenommen",
        gettext_lazy("Zwei nehmen an"),
        gettext_lazy("Das erste Annehmen zählt, auch nach dem Auflegen."),
        f"{_PLAIN}\nanswer answeringNumber={EXTENSION}\nhangup\nanswer answeringNumber=915",
        True,
    ),
    Scenario(
        "ohne-ende",
        gettext_lazy("Das Auflegen kommt nie"),
        gettext_lazy("Der Anruf wird nach einiger Zeit von selbst beendet und gekennzeichnet."),
        f"{_PLAIN}\nanswer answeringNumber={EXTENSION}",
        True,
    ),
    Scenario(
        "grosse-gruppe",
        gettext_lazy("Rufgruppe mit 200 Plätzen"),
        gettext_lazy("Die meisten Namen kennt hier niemand."),
        f"newCall user={EXTENSION} " + " ".join(f"user=9{number:03}" for number in range(200)),
        True,
    ),
    Scenario(
        "unbrauchbar",
        gettext_lazy("Unbrauchbare Ereignisse"),
        gettext_lazy("Jedes wird mit seinem Grund abgelehnt; kein Anruf entsteht."),
        "explode\nnewCall direction=sideways\nnewCall callId=\nhangup direction=",
        True,
    ),
    Scenario(
        "roh",
        gettext_lazy("Rohe Angaben"),
        gettext_lazy("Schrägstrich in der Nummer, Gründe wie NORMAL_CLEARING."),
        f"newCall from=0203/12345 user={EXTENSION}\nanswer answeringNumber={EXTENSION}\nhangup cause=NORMAL_CLEARING",
        True,
    ),
)
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}


@dataclass(frozen=True)
class Step:
    """One line of a sequence; ``status`` is what the door answers (0: not played yet)."""

    text: str
    fields: dict[str, list[str]]
    status: int = 0
    detail: str = ""


def new_run() -> str:
    """A name that keeps the call ids of one practice apart from every other."""
    return secrets.token_hex(6)


def read(text: str, *, run: str, number: str, extension: str) -> list[Step]:
    """The steps of a sequence, each with what the door would answer. Pure. Raises Refused on what is no sequence."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    if not lines:
        raise Refused(_("Schreiben Sie mindestens ein Ereignis, zum Beispiel: newCall"))
    if len(lines) > STEPS_AT_MOST:
        raise Refused(_("Eine Übung hat höchstens %(n)s Ereignisse.") % {"n": STEPS_AT_MOST})
    return [_step(line, run=run, number=number, extension=extension) for line in lines]


def _step(line: str, *, run: str, number: str, extension: str) -> Step:
    event, *words = line.split()
    said: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Refused(_("„%(word)s“ ist keine Angabe. Schreiben Sie zum Beispiel user=214.") % {"word": word})
        value = value.replace(EXTENSION, extension)
        if value or name not in ("user", "answeringNumber"):  # without an extension it rings for the whole queue
            said.setdefault(name, []).append(value)
    fields = {"direction": ["in"], "callId": ["1"], "event": [event]} | said
    if event == "newCall":
        fields = {"from": [CALLER], "to": [number]} | fields
    for name in ("callId", "origCallId"):
        if any(fields.get(name, ())):
            fields[name] = [f"{run}-{value}"[:250] for value in fields[name]]
    try:
        parse_cti(fields)
    except BadEvent as error:
        return Step(line, fields, 422, str(error))
    return Step(line, fields, 200)


def play(*, user: User, steps: Sequence[Step]) -> list[Step]:
    """Send the steps in their order, each in a transaction of its own, as a telephone system does."""
    if not steps:
        return []
    connector = training_connector()
    played = [_send(connector, step) for step in steps]
    record(
        action="training.played",
        actor_id=user.pk,
        object_type="connector",
        object_id=connector.pk,
        data={"events": len(played)},
    )
    return played


def _send(connector: Connector, step: Step) -> Step:
    try:
        event: ParsedEvent = parse_cti(step.fields)
        taken = ingest(
            connector=connector,
            event=event,
            raw=urlencode(step.fields, doseq=True).encode(),
            received_at=timezone.now(),
            body_hash=body_hash(step.fields),
            source=Source.TRAINING,
        )
    except BadEvent as error:
        return Step(step.text, step.fields, 422, str(error))
    said = _("abgewiesen: besetzt") if taken.reject else "" if taken.is_new else _("war schon da")
    return Step(step.text, step.fields, 200, said)


def calls_of_run(run: str) -> list[Call]:
    """The calls that came of a practice, whatever their city; the caller has decided who may look."""
    legs = CallLeg.objects.beyond_scope("the calls of one practice, known by its name").filter(
        connector__name=CONNECTOR, connector_call_id__startswith=f"{run}-"
    )
    calls = Call.objects.beyond_scope("the calls of one practice, known by its name")
    found = calls.filter(pk__in=legs.values("call"), source=Source.TRAINING)
    return list(found.select_related("tenant", "agent").order_by("offered_at", "pk"))


def training_connector() -> Connector:
    """Where practice calls come from; nobody outside can send for it."""
    found, _created = Connector.objects.get_or_create(
        name=CONNECTOR,
        defaults={"dialect": Dialect.GENERIC, "token_hash": token_hash(secrets.token_urlsafe(32)), "is_active": False},
    )
    return found
