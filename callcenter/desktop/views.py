"""The desk between calls: sign-on, presence, rings, a call opened by hand, keys. Calls: ``call_views.py``."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls import selectors as ledger
from callcenter.calls import services
from callcenter.calls.models import Feedback
from callcenter.desktop import news, selectors, shortcuts
from callcenter.desktop.forms import ReasonForm, ShortcutForm, SignOnForm, reason_list
from callcenter.desktop.stream import stream_ticket
from knowledge import notices

RINGS_SHOWN = 2


def live_context(request: HouseRequest) -> dict[str, Any]:
    """What changes while a page stands: presence and rings, with versions that tell a page whether to swap."""
    presence = selectors.presence_of(request.user)
    rings = list(ledger.ringing_for(request.user))
    return {
        "presence": presence,
        "reasons": reason_list(),
        "rings": rings[:RINGS_SHOWN],
        "more_rings": max(0, len(rings) - RINGS_SHOWN),
        "rings_version": " ".join(str(call.pk) for call in rings),
        "status_version": f"{presence.state} {presence.reason} {presence.extension}" if presence else "",
    }


def shell_context(request: HouseRequest) -> dict[str, Any]:
    """What every page of the desk shows around its content."""
    return live_context(request) | {
        "stream_url": reverse("desktop:stream"),
        "ticket_url": reverse("desktop:ticket"),
        "notices": notices.current(user=request.user),
        "count_key": shortcuts.keys_of(request.user).get("count_notice", ""),
        "sound": shortcuts.sound(request.user),
    }


@for_roles(Role.AGENT)
def desk(request: HouseRequest) -> HttpResponse:
    """The quiet page between calls; a call at hand comes first."""
    for call in ledger.current_calls(request.user):
        return redirect("desktop:call", call.pk)
    shell = shell_context(request)
    context = shell | {
        "sign_on_form": SignOnForm(),
        "changes": news.headlines(request.user),
        "reports": ledger.reports_of(request.user),
        "callbacks": selectors.own_callbacks(request.user),
        "answered": selectors.answered_callbacks(request.user),
        "recent": selectors.recent_calls(request.user),
        "day": selectors.own_day(request.user, shell["presence"]),
    }
    return render(request, "desktop/desk_show.html", context)


@for_roles(Role.AGENT)
@require_POST
def sign_on(request: HouseRequest) -> HttpResponse:
    form = SignOnForm(request.POST)
    if form.is_valid():
        try:
            news.begin_shift(user=request.user)
            services.sign_on(user=request.user, extension=form.cleaned_data["extension"])
            return redirect("desktop:desk")
        except services.Refused as refusal:
            form.add_error("extension", str(refusal))
    return render(request, "desktop/desk_show.html", shell_context(request) | {"sign_on_form": form}, status=422)


@for_roles(Role.AGENT)
@require_POST
def sign_off(request: HouseRequest) -> HttpResponse:
    return _presence_step(request, services.sign_off, {})


@for_roles(Role.AGENT)
@require_POST
def ready(request: HouseRequest) -> HttpResponse:
    return _presence_step(request, services.set_ready, {})


@for_roles(Role.AGENT)
@require_POST
def not_ready(request: HouseRequest) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise BadRequest("unknown reason")
    return _presence_step(request, services.set_not_ready, {"reason": form.cleaned_data["reason"]})


def _presence_step(request: HouseRequest, step: Any, arguments: dict[str, Any]) -> HttpResponse:
    try:
        step(user=request.user, **arguments)
    except services.Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("desktop:desk")


@for_roles(Role.AGENT)
def changes(request: HouseRequest) -> HttpResponse:
    """What changed since the agent's last shift, word by word; read: nothing of it comes again."""
    if request.method == "POST":
        news.mark_read(user=request.user)
        return redirect("desktop:desk")
    context = {
        "since": news.knows_until(request.user),
        "changes": news.changes(request.user),
        "withdrawn": news.withdrawn(request.user),
    }
    return render(request, "desktop/change_list.html", context)


@for_roles(Role.AGENT)
@require_GET
def reports(request: HouseRequest) -> HttpResponse:
    """What became of the agent's reports, for the desk that was told."""
    return _reports(request)


def _reports(request: HouseRequest) -> HttpResponse:
    return render(request, "desktop/_reports.html", {"reports": ledger.reports_of(request.user)})


@for_roles(Role.AGENT)
@require_POST
def report_read(request: HouseRequest, feedback: int) -> HttpResponse:
    own = get_object_or_404(Feedback.objects.filter(reporter=request.user), pk=feedback)
    services.mark_report_read(user=request.user, feedback=own)
    return _reports(request) if request.htmx else redirect("desktop:desk")  # type: ignore[attr-defined]


@for_roles(Role.AGENT)
def rings(request: HouseRequest) -> HttpResponse:
    """What a page fetches when something happened; a header leads an idle page to a call taken by handset."""
    current = list(ledger.current_calls(request.user))
    response = render(request, "desktop/rings_show.html", live_context(request) | {"busy": bool(current)})
    if current:
        response["X-Desk-Call"] = reverse("desktop:call", args=[current[0].pk])
    return response


@for_roles(Role.AGENT)
def ticket(request: HouseRequest) -> HttpResponse:
    """A short-lived ticket for the stream, which itself touches neither session nor database."""
    return HttpResponse(stream_ticket(request.user), content_type="text/plain")


@for_roles(Role.AGENT)
@require_POST
def take(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    if not selectors.may_take(request.user, call):
        raise Http404
    try:
        taken = services.take_call(user=request.user, call_id=call)
    except services.Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect("desktop:desk")
    return redirect("desktop:call", taken.pk)


@for_roles(Role.AGENT)
def open_call(request: HouseRequest) -> HttpResponse:
    """A call that no telephone system reported, opened for one of the agent's lines."""
    lines = selectors.lines_to_open()
    if request.method == "POST":
        number = request.POST.get("line", "")
        if not number.isdecimal():
            raise Http404
        line = get_object_or_404(lines, pk=int(number))
        try:
            return redirect("desktop:call", services.open_manual_call(user=request.user, line=line).pk)
        except services.Refused as refusal:
            messages.warning(request, str(refusal))
    return render(request, "desktop/call_open.html", shell_context(request) | {"lines": lines})


@for_roles(Role.AGENT)
def own_day(request: HouseRequest) -> HttpResponse:
    """Sign-on, talks and breaks of today, for one's own eyes."""
    day = selectors.own_day(request.user, selectors.presence_of(request.user))
    return render(request, "desktop/day_show.html", {"day": day})


@for_roles(Role.AGENT)
def edit_shortcuts(request: HouseRequest) -> HttpResponse:
    """One's own keys: change them, switch all off, or go back to the defaults."""
    user = request.user
    keys = {action.name: action.default for action in shortcuts.ACTIONS} | shortcuts.keys_of(user)
    initial: dict[str, Any] = {f"key_{name}": shortcuts.written(key) for name, key in keys.items()}
    initial |= {"enabled": shortcuts.enabled(user), "sound": shortcuts.sound(user)}
    form = ShortcutForm(request.POST or None, initial=initial)
    if request.method == "POST" and "reset" in request.POST:
        shortcuts.save_shortcuts(user=user, keys={}, enabled=True, sound=shortcuts.sound(user))
    elif request.method == "GET" or not form.is_valid():
        return _shortcut_page(request, form)
    else:
        try:
            data = form.cleaned_data
            shortcuts.save_shortcuts(user=user, keys=form.keys(), enabled=data["enabled"], sound=data["sound"])
        except shortcuts.ShortcutError as refusal:
            form.add_error(None, str(refusal))
            return _shortcut_page(request, form)
    messages.success(request, _("Gespeichert."))
    return redirect("desktop:shortcuts")


def _shortcut_page(request: HouseRequest, form: ShortcutForm) -> HttpResponse:
    return render(request, "desktop/shortcut_edit.html", {"form": form}, status=422 if form.errors else 200)
