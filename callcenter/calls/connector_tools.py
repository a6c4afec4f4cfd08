"""What an administrator does with one telephone system: Asterisk's account, a test call."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls import selectors, services
from callcenter.calls.forms import AmiForm, AssignForm, CallerIdForm
from callcenter.calls.models import CallerIdRule, Connector, Dialect
from callcenter.calls.testcall import run_test_call
from tenants.numbers import readable
from tenants.scope import all_cities


def _initial(connector: Connector) -> dict[str, object]:
    said = connector.ami
    if not said:
        return {}
    return {
        "host": said.get("host", ""),
        "port": said.get("port", 5038),
        "account": said.get("user", ""),
        "contexts": "\n".join(said.get("contexts", [])),
        "lines": "\n".join(f"{word} = {number}" for word, number in said.get("lines", {}).items()),
    }


@for_roles(Role.ADMINISTRATOR)
def asterisk(request: HouseRequest, connector: int) -> HttpResponse:
    """Where Asterisk's manager interface is."""
    found = get_object_or_404(selectors.connectors(), pk=connector, dialect=Dialect.AMI)
    form = AmiForm(request.POST or None, initial=_initial(found))
    if request.method == "POST" and form.is_valid():
        try:
            services.save_ami(user=request.user, connector=found, **form.cleaned_data)
            messages.success(request, _("Gespeichert. Starten Sie listen_ami neu, damit es gilt."))
            return redirect("calls:connector", connector=found.pk)
        except services.Refused as refusal:
            form.add_error(None, str(refusal))
    context = {"connector": found, "form": form}
    return render(request, "calls/connector_asterisk.html", context, status=422 if form.errors else 200)


@for_roles(Role.ADMINISTRATOR)
def caller_ids(request: HouseRequest, connector: int) -> HttpResponse:
    """Which number outbound calls of this telephone system show."""
    found = get_object_or_404(selectors.connectors(), pk=connector)
    form = CallerIdForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            data = form.cleaned_data
            services.save_caller_id_rule(
                user=request.user, connector=found, prefix=data["begins"], caller_id=data["caller_id"]
            )
            messages.success(request, _("Gespeichert. Die nächste ausgehende Wahl zeigt diese Nummer."))
            return redirect("calls:caller_ids", connector=found.pk)
        except services.Refused as refusal:
            form.add_error(None, str(refusal))
    rules = [(rule, readable(rule.caller_id)) for rule in found.caller_id_rules.all()]
    context = {"connector": found, "form": form, "rules": rules}
    return render(request, "calls/connector_caller_ids.html", context, status=422 if form.errors else 200)


@for_roles(Role.ADMINISTRATOR)
@require_POST
def delete_caller_id(request: HouseRequest, connector: int, caller_id: int) -> HttpResponse:
    found = get_object_or_404(CallerIdRule, pk=caller_id, connector=connector)
    services.delete_caller_id_rule(user=request.user, rule=found)
    messages.success(request, _("Die Regel gilt nicht mehr."))
    return redirect("calls:caller_ids", connector=connector)


@for_roles(Role.ADMINISTRATOR)
def test_call(request: HouseRequest, connector: int) -> HttpResponse:
    """Send a test event and show how far it came."""
    found = get_object_or_404(selectors.connectors(), pk=connector)
    steps = None
    with all_cities("an administrator tests any city's line"):
        form = AssignForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            steps = run_test_call(user=request.user, connector=found, line=form.cleaned_data["line"])
        context = {"connector": found, "form": form, "steps": steps}
        return render(request, "calls/connector_test.html", context, status=422 if form.errors else 200)
