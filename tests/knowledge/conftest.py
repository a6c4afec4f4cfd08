"""Articles for tests of the knowledge base."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callcenter.accounts.models import Role, User
from knowledge import services
from knowledge.models import Article, Revision
from tenants.models import Tenant
from tenants.scope import all_cities
from tests.conftest import make_user


@pytest.fixture
def second_editor(duisburg: Tenant, dinslaken: Tenant) -> User:
    """Another pair of eyes: an editor for both cities."""
    return make_user("second-editor", (duisburg, Role.EDITOR), (dinslaken, Role.EDITOR))


@pytest.fixture
def write(people: dict[str, User]) -> Callable[..., Revision]:
    """``write(article, tenant, title=…, **sections)`` saves a draft as the editor."""

    def save(article: Article, tenant: Tenant | None = None, title: str = "", **sections: object) -> Revision:
        with all_cities("test data"):
            return services.save_draft(
                article=article,
                tenant=tenant,
                actor=people["editor"],
                title=title or ("" if tenant and not article.owner_id else "Hund anmelden"),
                sections=sections,
                token=services.chain_token(article=article, tenant=tenant),
            )

    return save


@pytest.fixture
def published(write: Callable[..., Revision]) -> Callable[..., Revision]:
    """``published(article, tenant, …)`` writes and publishes in one step."""

    def publish(article: Article, tenant: Tenant | None = None, title: str = "", **sections: object) -> Revision:
        revision = write(article, tenant, title, **sections)
        with all_cities("test data"):
            return services.publish(revision=revision, actor=None, without_review="test data", announce=False)

    return publish


@pytest.fixture
def make_article(people: dict[str, User]) -> Callable[..., Article]:
    """A published article: ``make_article("Titel", owner=None, terms=(), local={tenant: {…}}, **sections)``."""

    def make(
        title: str = "Hund anmelden",
        *,
        owner: Tenant | None = None,
        terms: tuple[str, ...] = (),
        local: dict[Tenant, dict[str, object]] | None = None,
        publish: bool = True,
        **sections: object,
    ) -> Article:
        with all_cities("test data"):
            article = services.create_article(
                actor=people["editor"],
                title=title,
                owner=owner,
                terms=terms,
                sections=sections or {"say": f"{title}: so geht es.", "summary": f"Kurz: {title}"},
            )
            revisions = [article.revisions.get()]
            for tenant, own in (local or {}).items():
                revisions.append(
                    services.save_draft(
                        article=article, tenant=tenant, actor=people["editor"], title="", sections=own, token=""
                    )
                )
            for revision in revisions if publish else ():
                services.publish(revision=revision, actor=None, without_review="test data", announce=False)
        return article

    return make


@pytest.fixture
def article(make_article: Callable[..., Article], duisburg: Tenant, dinslaken: Tenant) -> Article:
    """Shared, with a fee of Dinslaken's own."""
    return make_article(
        "Hund anmelden",
        terms=("Hundemarke",),
        local={dinslaken: {"fees": [{"value": "96,00 €", "label": "im Jahr"}]}},
        say="Den Hund melden Sie innerhalb von zwei Wochen an.",
        summary="Hundesteuer: An- und Abmeldung",
        fees=[{"value": "132,00 €", "label": "im Jahr"}],
        documents=["Chipnummer des Hundes"],
        description="<p>Wer einen Hund hält, zahlt Hundesteuer.</p>",
        agents="<p>Nach der Rasse fragen.</p>",
    )
