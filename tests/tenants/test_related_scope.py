"""Reading along a relation keeps the scope, whatever path the model's own manager has."""

from __future__ import annotations

from django.utils import timezone

from callcenter.calls.models import Call, CallLeg, Connector
from tenants.models import Office, OpeningHours
from tenants.scope import all_cities, scoped


def test_related_rows_stay_within_the_scope(duisburg, dinslaken):
    """Without this, an office's opening hours could not be read at all, or would be read across cities."""
    with all_cities("test data"):
        office = Office.objects.create(tenant=dinslaken, name="Bürgerbüro")
        OpeningHours.objects.create(tenant=dinslaken, office=office, weekday=0, opens="08:00", closes="12:00")
    with scoped([dinslaken]):
        assert office.hours.count() == 1
    with scoped([duisburg]):
        assert office.hours.count() == 0


def test_related_rows_follow_a_path_through_another_model(duisburg, dinslaken):
    """Without this, a call's legs would be looked up by a column that they do not have."""
    with all_cities("test data"):
        connector = Connector.objects.create(name="Anlage", token_hash="x")
        call = Call.objects.create(tenant=dinslaken, offered_at=timezone.now())
        CallLeg.objects.create(call=call, connector=connector, connector_call_id="1", opened_at=timezone.now())
    with scoped([dinslaken]):
        assert call.call_legs.count() == 1
    with scoped([duisburg]):
        assert call.call_legs.count() == 0
