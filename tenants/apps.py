from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class TenantsConfig(AppConfig):
    name = "tenants"
    label = "tenants"
    verbose_name = "Städte"
    is_ours = True

    def ready(self) -> None:
        from tenants import rls

        connection_created.connect(rls.raise_wall, dispatch_uid="tenants.rls.raise_wall")
        # Once per migrate run, when every table is there.
        post_migrate.connect(rls.install_after_migrate, sender=self, dispatch_uid="tenants.rls.install")
