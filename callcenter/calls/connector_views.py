"""Telephone systems and turned-away callers, for administrators."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls import replay, selectors, services
from callcenter.calls.addresses import address_of
from callcenter.calls.forms import BlockForm, ConnectorEditForm, ConnectorForm
from callcenter.calls.models import BlockedCaller, Connector, Dialect, RequestLog


@for_roles(Role.ADMINISTRATOR)
def connectors(request: HouseRequest) -> HttpResponse:
    """All telephone systems, and the form for a new one."""
    form = ConnectorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.add_connector(**form.cleaned_data, actor_id=request.user.pk)
            if made.dialect == Dialect.AMI:  # we sign in there, so there is no secret of ours to show
                return redirect("calls:asterisk", connector=made.pk)
            return _secret(request, made, secret)
        except services.Refused as refusal:
            form.add_error("name", str(refusal))
    context = {"connectors": selectors.connectors(), "form": form, "blocked": BlockedCaller.objects.count()}
    return render(request, "calls/connector_list.html", context, status=422 if form.errors else 200)


def _secret(request: HouseRequest, connector: Connector, secret: str) -> HttpResponse:
    """The secret, this once; the page is not kept anywhere."""
    context = {
        "connector": connector,
        "address": address_of(connector, secret),
        "secret": secret,
        "signs": connector.dialect in (Dialect.NATIVE, Dialect.PLACETEL),
    }
    return render(request, "calls/connector_secret.html", context)


@for_roles(Role.ADMINISTRATOR)
def connector(request: HouseRequest, connector: int) -> HttpResponse:
    """One telephone system: settings, last events, refused requests."""
    found = get_object_or_404(selectors.connectors(), pk=connector)
    initial = {
        "name": found.name,
        "is_active": found.is_active,
        "networks": "\n".join(found.networks),
        "public_key": found.public_key,
    }
    form = ConnectorEditForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            networks = data.pop("networks").splitlines()
            services.save_connector(user=request.user, connector=found, networks=networks, **data)
            messages.success(request, _("Gespeichert."))
            return redirect("calls:connector", connector=found.pk)
        except services.Refused as refusal:
            form.add_error(None, str(refusal))
            found.refresh_from_db()
    context = {
        "connector": found,
        "form": form,
        "events": selectors.last_events(found),
        "refused": found.requests.all()[:20],
    }
    return render(request, "calls/connector_detail.html", context, status=422 if form.errors else 200)


@for_roles(Role.ADMINISTRATOR)
@require_POST
def rotate(request: HouseRequest, connector: int) -> HttpResponse:
    found = get_object_or_404(selectors.connectors(), pk=connector)
    return _secret(request, found, services.rotate_secret(user=request.user, connector=found))


@for_roles(Role.ADMINISTRATOR)
@require_POST
def finish_rotation(request: HouseRequest, connector: int) -> HttpResponse:
    services.finish_rotation(user=request.user, connector=get_object_or_404(selectors.connectors(), pk=connector))
    messages.success(request, _("Das alte Geheimnis gilt nicht mehr."))
    return redirect("calls:connector", connector=connector)


@for_roles(Role.ADMINISTRATOR)
@require_POST
def replay_request(request: HouseRequest, connector: int, log: int) -> HttpResponse:
    """Take a refused request again, as if it came now."""
    found = get_object_or_404(RequestLog.objects.select_related("connector"), pk=log, connector=connector)
    try:
        replay.replay(user=request.user, log=found)
        messages.success(request, _("Das Ereignis ist jetzt angenommen."))
    except services.Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("calls:connector", connector=connector)


@for_roles(Role.ADMINISTRATOR)
def blocked(request: HouseRequest) -> HttpResponse:
    """Numbers that hear "busy"."""
    form = BlockForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.block_caller(user=request.user, **form.cleaned_data)
            messages.success(request, _("Diese Nummer wird jetzt abgewiesen."))
            return redirect("calls:blocked")
        except services.Refused as refusal:
            form.add_error("number", str(refusal))
    context = {"blocked": BlockedCaller.objects.all(), "form": form, "back": reverse("calls:connectors")}
    return render(request, "calls/blocked_list.html", context, status=422 if form.errors else 200)


@for_roles(Role.ADMINISTRATOR)
@require_POST
def unblock(request: HouseRequest, blocked: int) -> HttpResponse:
    services.unblock_caller(user=request.user, blocked=get_object_or_404(BlockedCaller, pk=blocked))
    messages.success(request, _("Diese Nummer kommt wieder durch."))
    return redirect("calls:blocked")
