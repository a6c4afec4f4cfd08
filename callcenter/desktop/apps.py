from django.apps import AppConfig


class DesktopConfig(AppConfig):
    name = "callcenter.desktop"
    label = "desktop"
    verbose_name = "Arbeitsplatz"
    is_ours = True

    def ready(self) -> None:
        from callcenter.calls.signals import call_changed, presence_changed, reports_answered
        from callcenter.desktop import live
        from knowledge.signals import article_published, notice_changed

        call_changed.connect(live.on_call_changed, dispatch_uid="desktop.call_changed")
        presence_changed.connect(live.on_presence_changed, dispatch_uid="desktop.presence_changed")
        reports_answered.connect(live.on_reports_answered, dispatch_uid="desktop.reports_answered")
        notice_changed.connect(live.on_notice_changed, dispatch_uid="desktop.notice_changed")
        article_published.connect(live.on_article_published, dispatch_uid="desktop.article_published")
