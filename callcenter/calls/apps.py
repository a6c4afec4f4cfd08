from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "callcenter.calls"
    label = "calls"
    verbose_name = "Anrufe"
    is_ours = True

    def ready(self) -> None:
        from callcenter.calls.usage import ContactUsage
        from callcenter.calls.worklist import FeedbackReports
        from knowledge import figures, worklist

        worklist.register(FeedbackReports())
        figures.register(ContactUsage())
