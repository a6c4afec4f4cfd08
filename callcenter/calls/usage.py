"""How articles were used in calls, for the editors' figures one floor below (knowledge/figures.py)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from callcenter.calls.models import Contact, ContactArticle, Disposition, Feedback, counted
from knowledge.figures import Use
from tenants.models import Tenant


class ContactUsage:
    """What the concerns of a city tell; no agent and no caller."""

    def by_article(self, city: Tenant, since: datetime) -> dict[UUID, Use]:
        flags = dict(
            Feedback.objects.filter(tenant=city, created_at__gte=since, article__isnull=False)
            .order_by()
            .values_list("article")
            .annotate(n=Count("pk"))
        )
        opened = (
            ContactArticle.objects.filter(counted("contact__call"), tenant=city, opened_at__gte=since)
            .order_by()
            .values("article")
            .annotate(
                n_calls=Count("contact__call", distinct=True),
                n_opened=Count("pk"),
                n_used=Count("pk", filter=Q(used=True)),
            )
        )
        uses = {
            row["article"]: Use(row["n_calls"], row["n_opened"], row["n_used"], flags.pop(row["article"], 0))
            for row in opened
        }
        return uses | {article: Use(flags=count) for article, count in flags.items()}

    def concerns(self, city: Tenant, since: datetime) -> tuple[int, int]:
        """Concerns that were dropped before they could be answered count for neither."""
        asked = Contact.objects.filter(counted("call"), tenant=city, opened_at__gte=since)
        asked = asked.exclude(disposition=Disposition.DROPPED)
        linked = asked.filter(Exists(ContactArticle.objects.filter(contact=OuterRef("pk"))))
        return linked.count(), asked.count()
