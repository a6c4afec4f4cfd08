"""Question sets: what an office wants to know before it calls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from callcenter.accounts.models import User
from callcenter.audit.services import record
from callcenter.calls.models import Question, QuestionKind, QuestionSet
from callcenter.calls.services.refusals import Refused
from knowledge.models import Article
from tenants.models import Office, Tenant
from tenants.scope import assert_in_scope


@dataclass(frozen=True)
class QuestionRow:
    """One question as an editor writes it."""

    label: str
    kind: str = QuestionKind.TEXT
    choices: tuple[str, ...] = ()
    prefill: str = ""
    required: bool = False


@transaction.atomic
def save_question_set(
    *,
    user: User,
    city: Tenant,
    question_set: QuestionSet | None = None,
    name: str,
    article: Article | None = None,
    office: Office | None = None,
    is_active: bool = True,
    questions: Sequence[QuestionRow],
) -> QuestionSet:
    """Write a set and its questions anew, in the order given. Raises Refused."""
    assert_in_scope(city)
    if office is not None and office.tenant_id != city.pk:
        raise Refused(_("Dieses Amt gehört zu einer anderen Stadt."))
    if question_set is not None and question_set.tenant_id != city.pk:
        raise Refused(_("Dieser Fragebogen gehört zu einer anderen Stadt."))
    if not questions:
        raise Refused(_("Ein Fragebogen braucht mindestens eine Frage."))
    for row in questions:
        if row.kind == QuestionKind.CHOICE and len(row.choices) < 2:
            raise Refused(_("„%(label)s“: Eine Auswahl braucht mindestens zwei Antworten.") % {"label": row.label})
    stored = question_set or QuestionSet(tenant=city)
    stored.name, stored.article, stored.office, stored.is_active = name.strip(), article, office, is_active
    try:
        with transaction.atomic():
            stored.save()
    except IntegrityError:
        raise Refused(_("Einen Fragebogen mit diesem Namen gibt es schon.")) from None
    Question.objects.filter(question_set=stored).delete()
    Question.objects.bulk_create(
        Question(
            question_set=stored,
            position=position,
            label=row.label.strip(),
            kind=row.kind,
            choices=list(row.choices) if row.kind == QuestionKind.CHOICE else [],
            prefill=row.prefill if row.kind == QuestionKind.TEXT else "",
            required=row.required,
        )
        for position, row in enumerate(questions, start=1)
    )
    _audit("question_set.saved", user, stored)
    return stored


@transaction.atomic
def delete_question_set(*, user: User, question_set: QuestionSet) -> None:
    """Take a set away; what was answered in call-backs stays there."""
    assert_in_scope(question_set.tenant_id)
    _audit("question_set.deleted", user, question_set)
    question_set.delete()


def _audit(action: str, user: User, question_set: QuestionSet) -> None:
    record(
        action=action,
        actor_id=user.pk,
        tenant_id=question_set.tenant_id,
        object_type="question_set",
        object_id=question_set.pk,
    )
