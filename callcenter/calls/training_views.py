"""The practice telephone system in the browser: for administrators, and for whoever trains agents."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from callcenter.accounts.access import HouseRequest, for_roles
from callcenter.accounts.models import Role
from callcenter.calls import selectors, services, training
from callcenter.calls.forms import TrainingForm

RUN = re.compile(r"[0-9a-f]{12}")


@for_roles(Role.ADMINISTRATOR, Role.SUPERVISOR)
def practice(request: HouseRequest) -> HttpResponse:
    """Choose or write a sequence, and play it at once or step by step."""
    scenario = training.BY_KEY.get(request.GET.get("szenario", ""), training.SCENARIOS[0])
    places = selectors.places_of(request.user.tenant_ids(Role.ADMINISTRATOR, Role.SUPERVISOR))
    form = TrainingForm(request.POST or None, initial={"sequence": scenario.text}, places=places)
    context: dict[str, Any] = {
        "form": form,
        "scenarios": training.SCENARIOS,
        "chosen": None if form.is_bound else scenario,
        "places": places,
        "run": "",
        "told": [],
    }
    if request.method == "POST" and form.is_valid():
        try:
            context |= _played(request, form.cleaned_data)
        except services.Refused as refusal:
            form.add_error("sequence", str(refusal))
    return render(request, "calls/training.html", context, status=422 if form.errors else 200)


def _played(request: HouseRequest, data: dict[str, Any]) -> dict[str, Any]:
    """What the page shows after a press: the steps so far, what is still to come, and the calls they made."""
    posted, restart = request.POST.get("run", ""), request.POST.get("restart", "")
    goes_on = RUN.fullmatch(posted) is not None and not restart
    run = posted if goes_on else training.new_run()
    steps = training.read(data["sequence"], run=run, number=data["line"].number, extension=data["extension"])
    done = min(data["done"] or 0, len(steps)) if goes_on else 0
    until = len(steps)
    if "step" in request.POST or restart == "step":
        until = min(done + 1, until)
    elif goes_on and "look" in request.POST:
        until = done
    told = [*steps[:done], *training.play(user=request.user, steps=steps[done:until])]
    return {
        "run": run,
        "told": told,
        "waiting": steps[until:],
        "done": until,
        "calls": training.calls_of_run(run),
    }
