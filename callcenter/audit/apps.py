from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "callcenter.audit"
    label = "audit"
    verbose_name = "Protokoll"
    is_ours = True
