"""A call on the desk: search, answer, concern, close. Each page works alone and as a fragment of the call's page."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls import services
from callcenter.calls.models import CHOSEN_BY_PEOPLE, Call, Contact, ContactArticle, FeedbackKind, Source
from callcenter.desktop import finding, selectors
from callcenter.desktop import services as desk_services
from callcenter.desktop.forms import ConcernForm, HandoverForm, PickForm, QueryForm, ReportForm, SearchedForm
from callcenter.desktop.views import shell_context
from knowledge.models import EffectiveArticle
from tenants import directory
from tenants.models import Office, Tenant
from tenants.numbers import readable

OUTCOMES = [
    {"value": choice.value, "label": choice.label, "action": f"outcome_{number}"}
    for number, choice in enumerate(CHOSEN_BY_PEOPLE, start=1)
]


# --- finding the call ---------------------------------------------------------------------------
def _own_call(request: HouseRequest, call_id: uuid.UUID) -> Call:
    call = selectors.own_call(request.user, call_id)
    if call is None:
        raise Http404
    return call


def _screen(request: HouseRequest, call: Call, position: int | None = None) -> selectors.CallScreen:
    # A call answered by the handset has no concern yet: the first look starts one.
    contacts = services.contacts_of(user=request.user, call=call)
    asked = request.GET.get("anliegen", "")
    if position is None and asked.isdecimal():
        position = int(asked)
    return selectors.call_screen(user=request.user, call=call, contacts=contacts, position=position)


def _own_contact(request: HouseRequest, call: Call, contact_id: object) -> Contact:
    return get_object_or_404(Contact.objects.select_related("tenant", "call"), pk=contact_id, call=call)


def _effective(screen: selectors.CallScreen, effective_id: uuid.UUID) -> EffectiveArticle:
    effective = selectors.effective_for(city=screen.answers, effective_id=effective_id)
    if effective is None:
        raise Http404
    return effective


def refusal_leads_back(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A refused step shows its sentence on the call's page, or on the desk when the page itself cannot be shown."""

    @functools.wraps(view)
    def inner(request: HouseRequest, call: uuid.UUID, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, call, *args, **kwargs)
        except services.Refused as refusal:
            messages.warning(request, str(refusal))
            address = reverse("desktop:desk") if request.method == "GET" else reverse("desktop:call", args=[call])
            if not request.htmx:  # type: ignore[attr-defined]
                return redirect(address)
            response = HttpResponse(status=204)
            response["HX-Redirect"] = address
            return response

    return inner


# --- drawing it -----------------------------------------------------------------------------------
def _page(
    request: HouseRequest,
    screen: selectors.CallScreen,
    middle: str = "",
    *,
    status: int = 200,
    opened: bool = False,
    **context: Any,
) -> HttpResponse:
    """The whole page, or for htmx its middle column; ``opened`` sends the concern's ticks along."""
    context |= {"call": screen.call, "screen": screen, "middle": middle}
    if request.htmx:  # type: ignore[attr-defined]
        template = "desktop/answer_update.html" if opened else "desktop/_answer.html"
        return render(request, template, context, status=status)
    asked = _asked(request, screen.answers.slug)
    context = (
        shell_context(request)
        | {
            "query": asked["q"],
            "answer": finding.search_screen(
                asked["q"], city=screen.answers, kind=asked["art"], **_reach(asked, screen.other_cities)
            ),
            "city": screen.answers,
            "call_id": screen.call.pk,
            "outcomes": OUTCOMES,
            "busy": True,
            "concern_form": _concern_form(screen),
        }
        | context
    )
    return render(request, "desktop/call_show.html", context, status=status)


def _concern_form(screen: selectors.CallScreen) -> ConcernForm:
    contact = screen.contact
    initial = {
        "disposition": contact.disposition,
        "found": {True: "yes", False: "no"}.get(contact.found, ""),  # type: ignore[arg-type]
        "note": contact.note,
    }
    return ConcernForm(initial=initial, opened=[entry.pk for entry in screen.opened])


# --- search -----------------------------------------------------------------------------------------
@for_roles(Role.AGENT)
@require_GET
def search(request: HouseRequest) -> HttpResponse:
    """Hits while typing, for one of the agent's cities."""
    form = QueryForm(request.GET)
    if not form.is_valid():
        raise Http404
    asked = form.cleaned_data
    cities = {city.slug: city for city in request.user.cities(Role.AGENT)}
    city = cities.pop(asked["city"], None)
    if city is None:
        raise Http404
    answer = finding.search_screen(asked["q"], city=city, kind=asked["art"], **_reach(asked, list(cities.values())))
    context = {"query": asked["q"], "answer": answer, "city": city, "call_id": asked["call"]}
    return render(request, "desktop/_hits.html", context)


def _asked(request: HouseRequest, city: str) -> dict[str, Any]:
    """The search in the page's own address; what is no search is none."""
    form = QueryForm(request.GET.dict() | {"city": city})
    return form.cleaned_data if form.is_valid() else {"q": "", "art": "", "ueberall": False}


def _reach(asked: dict[str, Any], others: Sequence[Tenant]) -> dict[str, Any]:
    """Whether the agent's other cities are asked too."""
    return {"others": others, "everywhere": asked["ueberall"] and bool(others)}


@for_roles(Role.AGENT)
@require_POST
def search_ended(request: HouseRequest) -> HttpResponse:
    """The agent went on without choosing: the search is counted, without agent and caller."""
    form = SearchedForm(request.POST)
    city = get_object_or_404(Tenant, slug=request.POST.get("city", ""), pk__in=request.user.tenant_ids(Role.AGENT))
    if form.is_valid():
        _record_search(form, city)
    return HttpResponse(status=204)


def _record_search(
    form: SearchedForm, city: Tenant, article_id: uuid.UUID | None = None, *, call: Call | None = None
) -> None:
    data = form.cleaned_data
    if data["query"] and (call is None or call.source != Source.TRAINING):
        desk_services.record_search(
            tenant=city,
            query=data["query"],
            hits=data["hits"] or 0,
            milliseconds=data["milliseconds"] or 0.0,
            article_id=article_id,
            rank=data.get("rank"),
        )


# --- the call and its middle column -------------------------------------------------------------------
@for_roles(Role.AGENT)
@require_GET
@refusal_leads_back
def call(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    return _page(request, _screen(request, _own_call(request, call)))


@for_roles(Role.AGENT)
@require_GET
@refusal_leads_back
def banner(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """The city banner anew, when the call has gone on."""
    screen = _screen(request, _own_call(request, call))
    return render(request, "desktop/_banner.html", {"call": screen.call, "screen": screen})


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def open_article(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """Open a hit: the article goes onto the concern by itself."""
    own = _own_call(request, call)
    form = PickForm(request.POST)
    if not form.is_valid():
        raise Http404
    data = form.cleaned_data
    contact = _own_contact(request, own, data["contact"])
    if data["office"]:
        return redirect(f"{reverse('desktop:office', args=[own.pk, data['office']])}?anliegen={contact.position}")
    effective = selectors.effective_for(city=contact.tenant, effective_id=data["effective"])
    if effective is None and data["ueberall"]:
        return _open_elsewhere(request, own, contact, form)
    if effective is None:
        raise Http404
    desk_services.open_answer(user=request.user, contact=contact, effective=effective)
    _record_search(form, contact.tenant, effective.article_id, call=own)
    address = f"{reverse('desktop:article', args=[own.pk, effective.pk])}?anliegen={contact.position}"
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(address)
    screen = _screen(request, own, position=contact.position)
    response = _page(request, screen, "article", opened=True, effective=effective)
    response["HX-Push-Url"] = address
    return response


def _open_elsewhere(request: HouseRequest, own: Call, contact: Contact, form: PickForm) -> HttpResponse:
    """A hit of another of the agent's cities: its answers are given from here on, the line and its billing stay."""
    for city in selectors.agent_cities(request.user):
        effective = selectors.effective_for(city=city, effective_id=form.cleaned_data["effective"])
        if effective is not None:
            desk_services.answer_elsewhere(user=request.user, contact=contact, effective=effective)
            _record_search(form, city, effective.article_id, call=own)
            address = reverse("desktop:article", args=[own.pk, effective.pk])
            address = f"{address}?anliegen={contact.position}"
            if not request.htmx:  # type: ignore[attr-defined]
                return redirect(address)
            response = HttpResponse(status=204)
            response["HX-Redirect"] = address  # banner and search change as well
            return response
    raise Http404


@for_roles(Role.AGENT)
@require_GET
@refusal_leads_back
def article(request: HouseRequest, call: uuid.UUID, effective: uuid.UUID) -> HttpResponse:
    screen = _screen(request, _own_call(request, call))
    return _page(request, screen, "article", effective=_effective(screen, effective))


@for_roles(Role.AGENT)
@require_GET
@refusal_leads_back
def compare(request: HouseRequest, call: uuid.UUID, effective: uuid.UUID, other: str) -> HttpResponse:
    """The same article in two cities: only what differs."""
    screen = _screen(request, _own_call(request, call))
    left = _effective(screen, effective)
    city = next((each for each in screen.other_cities if each.slug == other), None)
    if city is None:
        raise Http404
    right = selectors.answer_of(city=city, article_id=left.article_id)
    rows = selectors.differences(left, right)
    return _page(
        request, screen, "compare", effective=left, left=screen.answers, right=city, rows=rows, differences=len(rows)
    )


@for_roles(Role.AGENT)
@require_GET
@refusal_leads_back
def office(request: HouseRequest, call: uuid.UUID, office: int) -> HttpResponse:
    screen = _screen(request, _own_call(request, call))
    found = directory.entry(city=screen.answers, office_id=office)
    if found is None:
        raise Http404
    return _page(request, screen, "office", entry=found, office=found.office)


# --- reports and call-backs ---------------------------------------------------------------------------
@for_roles(Role.AGENT)
@refusal_leads_back
def report(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """An answer is wrong, unclear or missing: to the editors' worklist, with query, article and call."""
    screen = _screen(request, _own_call(request, call))
    shown = _last_opened(screen)
    kind = FeedbackKind.WRONG if shown else FeedbackKind.MISSING
    initial = {"kind": kind, "effective": shown and shown.pk, "query": request.GET.get("q", "")}
    form = ReportForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        effective = _effective(screen, data["effective"]) if data["effective"] else None
        return _reported(
            request, screen, kind=data["kind"], query=data["query"], effective=effective, text=data["text"]
        )
    return _form_page(request, screen, "report", form, about=shown.title if shown else "")


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def report_question(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """Nothing was found: one key sends what was typed."""
    screen = _screen(request, _own_call(request, call))
    form = SearchedForm(request.POST)
    if not form.is_valid() or not form.cleaned_data["query"]:
        raise Http404
    _record_search(form, screen.answers, call=screen.call)
    return _reported(
        request, screen, kind=FeedbackKind.MISSING, query=form.cleaned_data["query"], effective=None, text=""
    )


def _reported(request: HouseRequest, screen: selectors.CallScreen, **report: Any) -> HttpResponse:
    if screen.call.source == Source.TRAINING:
        return _done(request, screen, _("Geübt."), _("Aus einer Übung geht keine Meldung an die Redaktion."))
    services.report_feedback(user=request.user, call=screen.call, tenant=screen.answers, **report)
    return _done(request, screen, _("Gemeldet."), _("Die Redaktion sieht Ihre Meldung in ihrer Arbeitsliste."))


@for_roles(Role.AGENT)
@refusal_leads_back
def handover(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """A call-back by an office: the open article names the office and answers what it can of its questions."""
    screen = _screen(request, _own_call(request, call))
    effective, city = _last_opened(screen), screen.answers
    office = selectors.office_named(city, effective)
    chosen = (request.POST or request.GET).get("office")
    if chosen is not None:
        office = Office.objects.filter(tenant=city, pk=chosen).first() if chosen.isdecimal() else None
    questions = selectors.questions_of(city=city, effective=effective, office=office)
    initial: dict[str, object] = {name: typed for name, typed in request.GET.items() if name.startswith("question_")}
    initial |= {"office": office.pk if office else "", "request": f"{effective.title}: " if effective else ""}
    form = HandoverForm(request.POST or None, initial=initial, city=city, questions=questions)
    if request.method == "GET" and "fragen" in request.GET:
        return render(request, "desktop/_questions.html", {"form": form})
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_handover(user=request.user, contact=screen.contact, **form.handover())
        except services.Refused as refusal:
            form.add_error("callback_number", str(refusal))
        else:
            due = timezone.localtime(made.due_at, screen.answers.zone).strftime("%d.%m.%Y %H:%M")
            return _done(
                request, screen, _("Rückruf beauftragt."), _("Das Amt meldet sich bis %(due)s Uhr.") % {"due": due}
            )
    return _form_page(request, screen, "handover", form)


def _last_opened(screen: selectors.CallScreen) -> EffectiveArticle | None:
    """The article that was open last, as the city answers it now."""
    if not screen.opened:
        return None
    return selectors.answer_of(city=screen.answers, article_id=screen.opened[-1].article_id)


def _form_page(
    request: HouseRequest, screen: selectors.CallScreen, middle: str, form: Any, about: str = ""
) -> HttpResponse:
    """A form in the middle column; the way back leads to the article that was open."""
    query = f"?anliegen={screen.contact.position}"
    effective = _last_opened(screen)
    back = reverse("desktop:call", args=[screen.call.pk])
    if effective:
        back = reverse("desktop:article", args=[screen.call.pk, effective.pk])
    address = reverse(f"desktop:{middle}", args=[screen.call.pk]) + query
    status = 422 if form.errors else 200
    return _page(
        request, screen, middle, status=status, form=form, about=about, form_url=address, back_url=back + query
    )


def _done(request: HouseRequest, screen: selectors.CallScreen, done: str, detail: str) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, screen, "done", done=done, done_detail=detail)
    messages.success(request, f"{done} {detail}")
    return redirect("desktop:call", screen.call.pk)


# --- the concern ----------------------------------------------------------------------------------------
def _keep(request: HouseRequest, call: Call, contact: Contact) -> ConcernForm:
    """Store what stands in the third column, if it is valid; what was typed is in the form either way."""
    opened = list(ContactArticle.objects.filter(contact=contact).values_list("pk", flat=True))
    form = ConcernForm(request.POST, opened=opened)
    if form.is_valid():
        data = form.cleaned_data
        services.save_concern(
            user=request.user,
            contact=contact,
            disposition=data["disposition"],
            found=form.found_value(),
            note=data["note"],
            used=data["used"],
        )
    return form


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def save(request: HouseRequest, call: uuid.UUID, contact: uuid.UUID) -> HttpResponse:
    """Keep the concern as it stands; htmx calls it while the agent types."""
    own = _own_call(request, call)
    concern = _own_contact(request, own, contact)
    form = _keep(request, own, concern)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{reverse('desktop:call', args=[own.pk])}?anliegen={concern.position}")
    error = (
        ""
        if form.is_valid()
        else _("Nicht gespeichert: %(why)s")
        % {"why": " ".join(str(error) for errors in form.errors.values() for error in errors)}
    )
    context = {"saved_at": timezone.now(), "save_error": error, "swap": True}
    return render(request, "desktop/_saved.html", context, status=422 if error else 200)


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def add_concern(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    own = _own_call(request, call)
    concern = _own_contact(request, own, request.POST.get("contact"))
    _keep(request, own, concern)
    services.add_concern(user=request.user, call=own, tenant=concern.tenant)
    return redirect("desktop:call", own.pk)


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def switch_city(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """The caller dialled the wrong city: the answers change, the line and its billing stay."""
    own = _own_call(request, call)
    concern = _own_contact(request, own, request.POST.get("contact"))
    cities = {city.slug: city for city in selectors.agent_cities(request.user)}
    city = cities.get(request.POST.get("city", ""))
    if city is None:
        raise Http404
    _keep(request, own, concern)
    effective = desk_services.switch_answers(user=request.user, contact=concern, city=city)
    if effective:
        return redirect("desktop:article", own.pk, effective.pk)
    return redirect("desktop:call", own.pk)


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def hang_up(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    own = _own_call(request, call)
    services.hang_up(user=request.user, call=own)
    return _back_to_the_answer(request, own)


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def hold(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """The caller waits; with ``office``, while the agent asks there."""
    own = _own_call(request, call)
    asked = request.POST.get("office", "")
    consulting = ""
    if asked.isdecimal():
        found = directory.entry(city=_screen(request, own).answers, office_id=int(asked))
        if found is None:
            raise Http404
        consulting = f"{found.office.name} {readable(found.transfer.phone)}"
    services.hold_call(user=request.user, call=own, consulting=consulting)
    return _back_to_the_answer(request, own)


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def resume(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """Back to this caller; who was talked to meanwhile is on hold."""
    own = services.resume_call(user=request.user, call=_own_call(request, call))
    return _back_to_the_answer(request, own)


def _back_to_the_answer(request: HouseRequest, call: Call) -> HttpResponse:
    """The call's page with the article that was open last: what was being read stays."""
    screen = _screen(request, call)
    effective = _last_opened(screen)
    if effective is None:
        return redirect("desktop:call", call.pk)
    address = reverse("desktop:article", args=[call.pk, effective.pk])
    return redirect(f"{address}?anliegen={screen.contact.position}")


@for_roles(Role.AGENT)
@require_POST
@refusal_leads_back
def close(request: HouseRequest, call: uuid.UUID) -> HttpResponse:
    """Close the contact and be ready for the next call."""
    own = _own_call(request, call)
    concern = _own_contact(request, own, request.POST.get("contact"))
    form = _keep(request, own, concern)
    if form.is_valid():
        try:
            desk_services.close_call(user=request.user, call=own, timed_out="timeout" in request.POST)
            return redirect("desktop:desk")
        except services.Refused as refusal:
            form.add_error("disposition", str(refusal))
    screen = _screen(request, own)
    return _page(request, screen, status=422, concern_form=form)
