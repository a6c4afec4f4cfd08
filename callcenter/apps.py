from django.apps import AppConfig


class HouseConfig(AppConfig):
    """The wiring itself: commands that put the whole house to work (serve, demo, install)."""

    name = "callcenter"
    label = "house"
    verbose_name = "Call Duisburg"
    is_ours = True

    def ready(self) -> None:
        from callcenter import checks  # noqa: F401  (registers them)
