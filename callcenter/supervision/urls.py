from django.urls import path

from callcenter.supervision import (
    event_views,
    report_views,
    settings_views,
    staff_views,
    staffing_views,
    token_views,
    views,
    wall_views,
)
from callcenter.supervision.figures import FIGURES

app_name = "supervision"
urlpatterns = [
    path("", views.home, name="home"),
    path("vergleich/", views.compare, name="compare"),
    path("wandtafel/", wall_views.wallboard, name="wallboard"),
    path("wandtafel/stand", wall_views.wallboard_now, name="wallboard_now"),
    path("besetzung/", staffing_views.staffing_page, name="staffing"),
    path("bearbeitungszeit/", staff_views.handling, name="handling"),
    path("vergleich.csv", views.compare_csv, name="compare_csv"),
    path("besetzung.csv", staffing_views.staffing_csv, name="staffing_csv"),
    path("bearbeitungszeit.csv", staff_views.handling_csv, name="handling_csv"),
    path("loeschnachweis.csv", staff_views.retention_csv, name="retention_csv"),
    path("meine-zahlen/", staff_views.own, name="own"),
    path("was-gemessen-wird/", staff_views.measured, name="measured"),
    path("<slug:city>/", views.city_overview, name="overview"),
    path("<slug:city>/anrufe/", views.city_calls, name="calls"),
    path("<slug:city>/zusagen/", settings_views.targets, name="targets"),
    path("<slug:city>/bericht.pdf", settings_views.report_pdf, name="report_pdf"),
    path("<slug:city>/bericht.csv", settings_views.report_csv, name="report_csv"),
    path("<slug:city>/bericht.xlsx", settings_views.report_xlsx, name="report_xlsx"),
    path("<slug:city>/berichte/", report_views.builder, name="builder"),
    path("<slug:city>/berichte/tabelle.csv", report_views.builder_csv, name="builder_csv"),
    path("<slug:city>/berichte/tabelle.xlsx", report_views.builder_xlsx, name="builder_xlsx"),
    path("<slug:city>/berichte/speichern", report_views.save, name="builder_save"),
    path("<slug:city>/berichte/<int:report>/loeschen", report_views.delete, name="builder_delete"),
    path("<slug:city>/ereignisse/", event_views.events, name="events"),
    path("<slug:city>/ereignisse/<int:event>/loeschen", event_views.event_delete, name="event_delete"),
    path("<slug:city>/schnittstelle/", token_views.tokens, name="tokens"),
    path("<slug:city>/schnittstelle/<int:token>/widerrufen", token_views.revoke, name="token_revoke"),
    path("<slug:city>/bericht/post", settings_views.subscription, name="subscription"),
    # An address of its own for each figure's file: a key that does not exist is no page at all.
    *(path(f"<slug:city>/{key}.csv", views.figure_csv, {"figure": key}, name=f"csv_{key}") for key in FIGURES),
]
