"""Putting a call whose dialled number nobody knew onto a line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.models import Call
from callcenter.calls.presence import Snapshot, follow_call
from callcenter.calls.services.refusals import Refused
from tenants.models import Line
from tenants.scope import assert_in_scope

ALIKE = 6  # characters of an E.164 number: the country and an area code of three digits


def likely_lines(numbers: Iterable[str]) -> dict[str, Line]:
    """The line that each unknown number most likely means: where somebody put its calls last, else its nearest number.

    A number that resembles no line of the open scope is left out.
    """
    lines = {line.pk: line for line in Line.objects.select_related("tenant").order_by("pk")}
    wanted = {number for number in numbers if number}
    by_hand = Call.objects.filter(line_by_hand=True, dialled__in=wanted, line__in=lines).order_by("offered_at")
    found = {dialled: lines[line] for dialled, line in by_hand.values_list("dialled", "line")}
    for number in wanted - found.keys():
        near = max(lines.values(), key=lambda line: _alike(line.number, number), default=None)
        if near and _alike(near.number, number) >= ALIKE:
            found[number] = near
    return found


def _alike(one: str, other: str) -> int:
    """With how many equal characters both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@transaction.atomic
def assign_line(*, user: User, call: Call, line: Line) -> Call:
    """Give an unassigned call its line and city; from then on it may be billed. Raises Refused."""
    assert_in_scope(line.tenant_id)
    call = (
        Call.objects.beyond_scope("an unassigned call belongs to no city")
        .select_for_update(of=("self",))
        .get(pk=call.pk)
    )
    if call.tenant_id is not None:
        raise Refused(_("Dieser Anruf ist schon einer Leitung zugeordnet."))
    day = timezone.localtime(call.offered_at, line.tenant.zone).date()
    if line.valid_from > day or (line.valid_until and line.valid_until < day):
        raise Refused(
            _("Die Leitung war an diesem Tag nicht gültig. Wählen Sie eine andere oder ändern Sie ihre Gültigkeit.")
        )
    before = Snapshot.of(call)
    call.line, call.tenant, call.line_by_hand = line, line.tenant, True
    call.save(update_fields=["line", "tenant", "line_by_hand"])
    record(
        action="call.assigned",
        actor_id=user.pk,
        tenant_id=line.tenant_id,
        object_type="call",
        object_id=call.pk,
        data={"line": line.pk},
    )
    follow_call(call=call, before=before)
    return call
