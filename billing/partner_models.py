"""What partners plan, ask and show each other: budget lines, the costs behind a price, questions about a line."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from billing.models import Agreement, InvoiceLine, PartiesManager
from billing.money import cents
from tenants.scope import TenantOwned

NOT_NEGATIVE = [MinValueValidator(Decimal(0))]


class BudgetLine(models.Model):
    """What the paying city has planned for a contract year."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="budget")
    year = models.DateField("Vertragsjahr", help_text="Its first day.")
    label = models.CharField("Haushaltsstelle", max_length=80, blank=True)
    amount = models.DecimalField("Ansatz (EUR)", max_digits=14, decimal_places=2, validators=NOT_NEGATIVE)

    parties = "agreement__"
    objects = PartiesManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agreement", "year"], name="budget_once_a_year"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.agreement} {self.year:%Y}: {self.amount}"


class CostBasis(TenantOwned):
    """What answering costs the operator in a calendar year, for all the cities it answers for."""

    year = models.PositiveSmallIntegerField("Jahr")
    posts = models.DecimalField("Stellen", max_digits=6, decimal_places=2, validators=NOT_NEGATIVE)
    post_cost = models.DecimalField(
        "Personalkosten je Stelle (EUR)", max_digits=12, decimal_places=2, validators=NOT_NEGATIVE
    )
    workplace_cost = models.DecimalField(
        "Sachkosten je Arbeitsplatz (EUR)", max_digits=12, decimal_places=2, default=0, validators=NOT_NEGATIVE
    )
    overhead_percent = models.DecimalField(
        "Gemeinkosten (% der Personalkosten)", max_digits=5, decimal_places=2, default=0, validators=NOT_NEGATIVE
    )
    other = models.DecimalField(
        "Weitere Kosten (EUR)", max_digits=12, decimal_places=2, default=0, validators=NOT_NEGATIVE
    )
    source = models.CharField(
        "Woher die Zahlen stammen", max_length=200, blank=True, help_text="Zum Beispiel: Haushaltsplan, KGSt-Bericht."
    )

    class Meta:
        ordering = ["-year"]
        constraints = [models.UniqueConstraint(fields=["tenant", "year"], name="costs_once_a_year")]

    def __str__(self) -> str:
        return f"{self.tenant} {self.year}"

    @property
    def staff(self) -> Decimal:
        return cents(self.posts * self.post_cost)

    @property
    def workplaces(self) -> Decimal:
        return cents(self.posts * self.workplace_cost)

    @property
    def overhead(self) -> Decimal:
        return cents(self.staff * self.overhead_percent / 100)

    @property
    def total(self) -> Decimal:
        return self.staff + self.workplaces + self.overhead + self.other


class Answer(models.TextChoices):
    EXPLAINED = "explained", "Die Position stimmt"
    CORRECTED = "corrected", "Die Position wird berichtigt"


class LineQuestion(models.Model):
    """The partner's question about a line, with its answer; kept with the invoice (``triggers.py``)."""

    line = models.ForeignKey(InvoiceLine, on_delete=models.PROTECT, related_name="questions")
    text = models.TextField("Rückfrage", max_length=2000)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField("Ergebnis", max_length=10, choices=Answer, blank=True)
    answer = models.TextField("Antwort", max_length=2000, blank=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    parties = "line__invoice__agreement__"
    objects = PartiesManager()

    class Meta:
        ordering = ["asked_at", "pk"]
        verbose_name = "Rückfrage"
        verbose_name_plural = "Rückfragen"
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="", answer="", answered_at__isnull=True)
                | (~Q(outcome="") & ~Q(answer="") & Q(answered_at__isnull=False)),
                name="question_answered_whole",
            )
        ]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.text[:40]}"
