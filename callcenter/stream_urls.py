"""The addresses of the stream process (CALLCENTER_STREAM_ONLY): live streams and health, nothing else.

It loads no page, invoice or search code, so it stays small beside hundreds of open streams.
"""

from __future__ import annotations

from django.urls import include, path

from callcenter import views
from callcenter.desktop.stream import stream

handler500 = "callcenter.views.server_error"

desk = [path("strom", stream, name="stream")]

urlpatterns = [
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("arbeitsplatz/", include((desk, "desktop"))),
]
