from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "callcenter.accounts"
    label = "accounts"
    verbose_name = "Konten"
    is_ours = True

    def ready(self) -> None:
        from callcenter.accounts import security_events  # noqa: F401  (connects)
