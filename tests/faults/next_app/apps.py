from django.apps import AppConfig


class NextConfig(AppConfig):
    name = "tests.faults.next_app"
    label = "next"
