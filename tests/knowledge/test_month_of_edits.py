"""A month of edits by four editors at once: nothing is lost, and what callers were told can always be shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callcenter.accounts.models import Role, User
from knowledge import approvals, proposals, services
from knowledge.effective import was_in_effect
from knowledge.models import EffectiveArticle, Revision, State
from knowledge.models_authoring import Decision
from knowledge.refresh import refresh_due
from knowledge.services import EditConflict, KnowledgeRefusal
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.conftest import make_user

FIRST = datetime(2026, 10, 1, 6, tzinfo=UTC)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "look",
                "save",
                "save",
                "submit",
                "publish",
                "publish",
                "discard",
                "archive",
                "ask",
                "answer",
                "propose",
                "call off",
            ]
        ),
        st.integers(0, 3),  # which editor
        st.integers(0, 1),  # shared text or Dinslaken's sections
        st.integers(0, 3),  # begins in so many days; expires in so many, 0 for neither
        st.integers(1, 30),  # hours until the next step
    ),
    min_size=5,
    max_size=30,
)


@pytest.fixture
def editors(duisburg: Tenant, dinslaken: Tenant) -> list[User]:
    return [make_user(f"editor-{n}", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR)) for n in range(4)]


@pytest.fixture
def liaison(dinslaken: Tenant) -> User:
    return make_user("liaison", (dinslaken, Role.LIAISON))


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
def test_nothing_is_lost_and_every_call_can_be_told(steps, editors, liaison, dinslaken):
    """An editor's work would vanish, or a complaint about last month's answer could not be checked."""
    seen: dict[tuple[int, int], str] = {}  # what each editor's form remembers of each chain
    texts: dict[object, dict[str, object]] = {}  # every text that was published, by revision
    calls: list[tuple[datetime, object, object]] = []  # when a call came, and the revisions it was told from
    saved = 0
    with all_cities("test"), time_machine.travel(FIRST, tick=False) as clock:
        article = services.create_article(actor=editors[0], title="Hund anmelden", sections={"say": "0"})
        chains = (None, dinslaken)
        for action, who, which, days, hours in steps:
            editor, city = editors[who], chains[which]
            open_one = article.revisions.filter(tenant=city, state__in=services.OPEN_STATES).first()
            try:
                if action == "look":
                    seen[who, which] = services.chain_token(article=article, tenant=city)
                elif action == "save":
                    before = services.head_of(article=article, tenant=city)
                    token = seen.get((who, which), "")
                    fresh = token == services.chain_token(article=article, tenant=city)
                    draft = services.save_draft(
                        article=article,
                        tenant=city,
                        actor=editor,
                        title="" if city else "Hund anmelden",
                        sections={"say": str(saved)},
                        token=token,
                        valid_from=datetime.now(UTC) + timedelta(days=days) if days == 2 else None,
                        valid_until=datetime.now(UTC) + timedelta(days=days) if days == 3 else None,
                    )
                    assert fresh, "a stale form was saved over somebody's text"
                    assert before is None or before.state in services.OPEN_STATES or draft.pk != before.pk
                    seen[who, which] = services.chain_token(article=article, tenant=city)
                    saved += 1
                elif action == "submit" and open_one:
                    services.submit_for_review(revision=open_one, actor=editor)
                elif action == "publish" and open_one:
                    waited_for = [
                        approval.version != open_one.lock_version or approval.decision != Decision.GRANTED
                        for approval in open_one.approvals.all()
                    ]
                    done = services.publish(revision=open_one, actor=editor)
                    assert done.author_id != editor.pk
                    assert not any(waited_for), "a city was asked and had not approved this text"
                    texts[done.pk] = done.sections
                elif action == "discard" and open_one:
                    services.discard_draft(revision=open_one, actor=editor)
                elif action == "archive":
                    services.archive_article(article=article, actor=editor)
                elif action == "call off":
                    planned = article.revisions.filter(
                        tenant=city, state=State.PUBLISHED, valid_from__gt=datetime.now(UTC)
                    )
                    if found := planned.first():
                        services.withdraw_planned(revision=found, actor=editor)
                elif action == "ask" and open_one:
                    approvals.ask(revision=open_one, city=dinslaken, actor=editor)
                elif action == "answer":
                    for approval in approvals.open_for(dinslaken):
                        approvals.decide(approval=approval, actor=liaison, granted=days > 0, comment="Nein.")
                elif action == "propose":
                    shown = EffectiveArticle.objects.filter(article=article, tenant=dinslaken).first()
                    if shown:
                        before = services.head_of(article=article, tenant=dinslaken)
                        kept = dict(before.sections) if before and before.state in services.OPEN_STATES else {}
                        sections = {"hints": f"<p>{saved}</p>"}
                        proposed = proposals.propose(effective=shown, actor=liaison, sections=sections, reason="r")
                        draft = proposals.accept(proposal=proposed, actor=editor)
                        saved += 1
                        assert {**kept, **sections} == {**draft.sections, **kept, **sections}, (
                            "an open draft lost words"
                        )
            except (EditConflict, KnowledgeRefusal):
                pass
            clock.shift(timedelta(hours=hours))
            refresh_due()
            row = EffectiveArticle.objects.filter(article=article, tenant=dinslaken).first()
            calls.append((datetime.now(UTC), row and row.shared_revision_id, row and row.local_revision_id))
            clock.shift(timedelta(seconds=1))  # a call and a publication never fall on the same instant
        history = list(Revision.objects.filter(article=article))
        assert {pk: each.sections for each in history if (pk := each.pk) in texts} == texts
        for chain in chains:
            numbers = sorted(each.number for each in history if each.tenant == chain)
            assert numbers == list(range(1, len(numbers) + 1))
            assert sum(each.state in services.OPEN_STATES for each in history if each.tenant == chain) <= 1
            assert sum(each.state == State.PUBLISHED for each in history if each.tenant == chain) <= 2
        for at, shared_id, local_id in calls:
            shared = was_in_effect([each for each in history if each.tenant_id is None], at)
            local = was_in_effect([each for each in history if each.tenant_id == dinslaken.pk], at)
            if shared is None:
                assert shared_id is None
                continue  # without a title there is nothing to show, whatever the city holds
            assert (shared.pk, local.pk if local else None) == (shared_id, local_id)


def test_four_editors_press_save_in_the_same_moment(transactional_db, editors):
    """Two of them would believe that their text is saved, and one would be wrong."""
    rounds = 6
    with all_cities("test"):
        article = services.create_article(actor=editors[0], title="Hund anmelden", sections={"say": "0"})
        services.publish(revision=article.revisions.get(), actor=None, without_review="test")
    together = Barrier(len(editors))
    refused: list[str] = []

    def write(number: int) -> list[str]:
        """The texts of which this editor was told that they are saved."""
        told = []
        try:
            with all_cities("test"):
                for count in range(rounds):
                    token = services.chain_token(article=article, tenant=None)
                    together.wait(30)
                    text = f"{count} von {number}"
                    try:
                        services.save_draft(
                            article=article, tenant=None, actor=editors[number], title="Hund anmelden",
                            sections={"say": text}, token=token,
                        )  # fmt: skip
                        told.append(text)
                    except EditConflict:
                        refused.append(text)
                    together.wait(30)
                    if number == 0:
                        draft = article.revisions.get(state=State.DRAFT)
                        draft = services.submit_for_review(revision=draft, actor=draft.author)
                        other = next(editor for editor in editors if editor.pk != draft.author_id)
                        services.publish(revision=draft, actor=other, announce=False)
                    together.wait(30)
        finally:
            connection.close()
        return told

    with ThreadPoolExecutor(len(editors)) as pool:
        told = [text for texts in pool.map(write, range(len(editors))) for text in texts]
    assert len(refused) == rounds * (len(editors) - 1), "everybody else hears that somebody was faster"
    history = [each.sections["say"] for each in article.revisions.order_by("number")][1:]
    assert sorted(told) == sorted(history), "who was told that it is saved finds it in the history, and nobody else"
    assert [text.split()[0] for text in history] == [str(count) for count in range(rounds)], "one wins each time"
