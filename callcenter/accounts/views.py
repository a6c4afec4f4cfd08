"""One's own account, and the demo's one-click sign-in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callcenter.accounts.access import HouseRequest, public, signed_in
from callcenter.accounts.forms import ProfileForm
from callcenter.accounts.models import User


@signed_in
def profile(request: HouseRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Gespeichert."))
        return redirect("accounts:profile")
    memberships = request.user.memberships.select_related("tenant")
    status = 422 if form.errors else 200
    return render(request, "accounts/profile.html", {"form": form, "memberships": memberships}, status=status)


@public("works in demo mode only, for demo accounts only; elsewhere it is 404")
@require_POST
def demo_sign_in(request: HttpRequest, role: str) -> HttpResponse:
    """Sign in as the demo person of a role, without a password."""
    if not settings.DEMO:
        raise Http404
    user = get_object_or_404(User, username=role, is_demo=True, is_active=True)
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return redirect("home")
