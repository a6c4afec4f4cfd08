"""Jobs of the supervision; each delegates at once and may run twice without harm."""

from __future__ import annotations

from celery import shared_task

from callcenter.supervision import adding_up, retention, saved_reports, services, staff_months


@shared_task(queue="mail")
def send_monthly_reports() -> int:
    """Mail the reports of periods that are over, the monthly and the saved ones; returns how many went out."""
    return services.send_due_reports() + saved_reports.send_due()


@shared_task(queue="default")
def refresh_sums() -> int:
    """Add up anew what changed in the ledger; returns how many days."""
    return adding_up.refresh_all()


@shared_task(queue="default")
def prove_retention() -> int:
    """Write down what the nightly deletion left; returns how many cities keep what they should not."""
    return retention.prove_all()


@shared_task(queue="default")
def decide_staff_months() -> int:
    """Decide which groups' handling time is shown, while the names are known; returns how many months were new."""
    return staff_months.decide_due()
