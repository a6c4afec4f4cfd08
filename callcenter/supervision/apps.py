from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SupervisionConfig(AppConfig):
    name = "callcenter.supervision"
    label = "supervision"
    verbose_name = "Auswertung"
    is_ours = True

    def ready(self) -> None:
        from callcenter.supervision import marks

        post_migrate.connect(marks.install_after_migrate, sender=self, dispatch_uid="supervision.marks.install")
