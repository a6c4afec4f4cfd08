"""Practice is left out of every figure; one rule for all who count."""

from __future__ import annotations

from django.db.models import Q

from callcenter.calls.models.calls import Call, Source
from callcenter.calls.models.contacts import Contact


def counted(call: str = "") -> Q:
    """What figures count: everything but practice. ``call`` is the way to the call: ``"call"`` or ``"contact__call"``.

    Practice is little and has an index of its own: its rows are looked up first and left out by their keys, because a
    join would read the call of every row that is counted.
    """
    if not call:
        return ~Q(source=Source.TRAINING)
    calls = Call.objects.beyond_scope("practice, to be left out").filter(source=Source.TRAINING).order_by().values("pk")
    if call == "call":
        return ~Q(call__in=calls)
    contacts = Contact.objects.beyond_scope("practice, to be left out").filter(call__in=calls).order_by().values("pk")
    return ~Q(**{f"{call.removesuffix('__call')}__in": contacts})
