from django.urls import path

from callcenter.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.profile, name="profile"),
    path("demo/<slug:role>/", views.demo_sign_in, name="demo_sign_in"),
]
