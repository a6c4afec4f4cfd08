from django.urls import path, re_path

from callcenter.calls import (
    connector_tools,
    connector_views,
    handover_views,
    question_views,
    subject_views,
    training_views,
    views,
    webhooks,
)

app_name = "calls"
urlpatterns = [
    path("anrufe/", views.home, name="home"),
    path("anrufe/nicht-zugeordnet/", views.unassigned, name="unassigned"),
    path("anrufe/nicht-zugeordnet/<uuid:call>/", views.assign, name="assign"),
    path("anrufe/<slug:city>/", views.call_list, name="list"),
    path("anrufe/<slug:city>/<uuid:call>/", views.call_detail, name="detail"),
    path("rueckrufe/", handover_views.handovers, name="handovers"),
    path("rueckrufe/<uuid:handover>/", handover_views.handover, name="handover"),
    path("rueckrufe/<uuid:handover>/weitergeben/", handover_views.forward, name="handover_forward"),
    path("rueckrufe/<uuid:handover>/oeffnen/", handover_views.reopen, name="handover_reopen"),
    path("rueckruf/<str:token>/", handover_views.answer, name="answer"),
    path("wissen/<slug:city>/frageboegen/", question_views.question_sets, name="question_sets"),
    path("wissen/<slug:city>/frageboegen/neu/", question_views.create, name="question_set_create"),
    path("wissen/<slug:city>/frageboegen/<int:question_set>/", question_views.edit, name="question_set_edit"),
    path(
        "wissen/<slug:city>/frageboegen/<int:question_set>/loeschen/", question_views.delete, name="question_set_delete"
    ),
    path("verwaltung/anbindungen/", connector_views.connectors, name="connectors"),
    path("verwaltung/anbindungen/<int:connector>/", connector_views.connector, name="connector"),
    path("verwaltung/anbindungen/<int:connector>/asterisk/", connector_tools.asterisk, name="asterisk"),
    path("verwaltung/anbindungen/<int:connector>/anzeige/", connector_tools.caller_ids, name="caller_ids"),
    path(
        "verwaltung/anbindungen/<int:connector>/anzeige/<int:caller_id>/",
        connector_tools.delete_caller_id,
        name="delete_caller_id",
    ),
    path("verwaltung/anbindungen/<int:connector>/testanruf/", connector_tools.test_call, name="test_call"),
    path("verwaltung/anbindungen/<int:connector>/geheimnis/", connector_views.rotate, name="rotate"),
    path(
        "verwaltung/anbindungen/<int:connector>/geheimnis/alt/", connector_views.finish_rotation, name="finish_rotation"
    ),
    path("verwaltung/anbindungen/<int:connector>/anfrage/<int:log>/", connector_views.replay_request, name="replay"),
    path("verwaltung/uebungsanlage/", training_views.practice, name="training"),
    path("verwaltung/gesperrte-nummern/", connector_views.blocked, name="blocked"),
    path("verwaltung/gesperrte-nummern/<int:blocked>/", connector_views.unblock, name="unblock"),
    path("verwaltung/<slug:city>/auskunft/", subject_views.subject, name="subject"),
    path("verwaltung/<slug:city>/auskunft/datei/", subject_views.export, name="subject_export"),
    path("verwaltung/<slug:city>/auskunft/loeschen/", subject_views.erase, name="subject_erase"),
    path("api/v1/cti/<str:token>", webhooks.generic, name="generic"),
    re_path(r"^api/v1/sipgate/(?P<token>[^/]+)/(?P<direction>in|out)$", webhooks.sipgate, name="sipgate"),
    path("api/v1/placetel/<str:token>", webhooks.placetel, name="placetel"),
    path("api/v1/calls/<str:connector>", webhooks.native, name="native"),
]
