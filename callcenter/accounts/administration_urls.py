from django.urls import path

from callcenter.accounts import administration

urlpatterns = [
    path("", administration.home, name="home"),
    path("staedte/neu/", administration.city_create, name="city_create"),
    path("<slug:city>/", administration.city_edit, name="city_edit"),
    path("<slug:city>/konten/", administration.people, name="people"),
    path("<slug:city>/konten/neu/", administration.person_create, name="person_create"),
    path("<slug:city>/konten/<int:pk>/", administration.person_edit, name="person_edit"),
    path("<slug:city>/konten/<int:pk>/abmelden/", administration.person_sessions, name="person_sessions"),
    path(
        "<slug:city>/konten/<int:pk>/zweiter-faktor/", administration.person_second_factor, name="person_second_factor"
    ),
    path("<slug:city>/rollen/<int:pk>/", administration.role_decide, name="role_decide"),
    path("<slug:city>/leitungen/", administration.lines, name="lines"),
    path("<slug:city>/leitungen/neu/", administration.line_create, name="line_create"),
    path("<slug:city>/leitungen/<int:pk>/", administration.line_edit, name="line_edit"),
    path("<slug:city>/protokoll/", administration.trail, name="trail"),
]
