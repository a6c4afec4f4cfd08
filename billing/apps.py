from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
    label = "billing"
    verbose_name = "Abrechnung"
    is_ours = True

    def ready(self) -> None:
        from django.db.models.signals import post_migrate, pre_migrate

        from billing.receivers import keep_mail, refuse_closed_month
        from billing.triggers import install_after_migrate, remove_before_migrate
        from callcenter.calls.signals import mail_wanted, month_guard

        pre_migrate.connect(remove_before_migrate, sender=self, dispatch_uid="billing.triggers_off")
        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="billing.triggers")
        mail_wanted.connect(keep_mail, dispatch_uid="billing.mail")
        month_guard.connect(refuse_closed_month, dispatch_uid="billing.closed_month")
