"""The municipal call-centre desktop."""

from callcenter.celery import app as celery_app

__all__ = ["celery_app"]
