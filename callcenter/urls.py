"""Every address of the house."""

from __future__ import annotations

from django.urls import include, path

from callcenter import metrics, views
from callcenter.supervision import api as figures_api

handler500 = "callcenter.views.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("staedte.css", views.city_colours, name="city_colours"),
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("callcenter.accounts.sign_in_urls")),
    path("konto/", include("callcenter.accounts.urls")),
    path("arbeitsplatz/", include("callcenter.desktop.urls")),
    path("wissen/", include("knowledge.urls")),
    path("auswertung/", include("callcenter.supervision.urls")),
    path("api/figures/v1/", figures_api.public_urls()),
    path("rechnungen/", include("billing.urls")),
    # Before verwaltung/: anbindungen and gesperrte-nummern would be read as a city there.
    path("", include("callcenter.calls.urls")),
    path("verwaltung/", include(("callcenter.accounts.administration_urls", "administration"))),
]
