"""Fixtures of the whole suite: two cities, one person per role, clients that are signed in.

Names say what they are: ``duisburg`` and ``dinslaken`` (Tenant), ``people`` (User by role; each
holds its role in both cities, but the liaison only in Dinslaken and the accountant only in
Duisburg), ``client_for`` (a signed-in test client for a user or role name).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client
from hypothesis import settings as hypothesis

from callcenter.accounts.models import Membership, Role, User
from knowledge.search import directory
from tenants.models import Line, Tenant
from tenants.scope import all_cities, scoped, set_scope
from tests import counts
from tests.faults import summary
from tests.faults.summary import pytest_runtest_setup, tally  # noqa: F401

# A slow machine is no finding: what takes long is measured in benchmarks/.
hypothesis.register_profile("house", deadline=None)
hypothesis.load_profile("house")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test about one engine belongs to that engine's run; ``tests.run`` makes both runs."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    elsewhere = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def pytest_terminal_summary(terminalreporter: object) -> None:
    """What the matrix and the fault list want said at the end."""
    counts.pytest_terminal_summary(terminalreporter)
    summary.pytest_terminal_summary(terminalreporter)


@pytest.fixture(scope="session", autouse=True)
def _flush_past_the_guards() -> Iterator[None]:
    """Tests that commit empty SQLite row by row, which append-only triggers refuse; so these step aside."""
    from django.db.backends.sqlite3.base import DatabaseOperations

    original = DatabaseOperations.execute_sql_flush

    def flush(self, sql_list):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {self.quote_name(name)}")
            original(self, sql_list)
            for _, statement in triggers:
                cursor.execute(statement)

    DatabaseOperations.execute_sql_flush = flush
    yield
    DatabaseOperations.execute_sql_flush = original


@pytest.fixture(autouse=True)
def _settings(settings, tmp_path) -> None:
    """Fast hashes, mail in memory, jobs at once, an index of the test's own; typos in templates fail."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.CELERY_TASK_ALWAYS_EAGER = True
    settings.CELERY_TASK_EAGER_PROPAGATES = True


@pytest.fixture(autouse=True)
def _no_scope_left() -> Iterator[None]:
    """A test starts and ends without a scope, as a request does."""
    set_scope(None)
    yield
    set_scope(None)


@pytest.fixture(autouse=True)
def _no_directory_kept() -> None:
    """What a search remembers of a city for a second is another test's."""
    directory.forget()


@pytest.fixture
def duisburg(db) -> Tenant:
    return Tenant.objects.create(
        slug="duisburg",
        name="Duisburg",
        official_name="Stadt Duisburg",
        ags="05112000",
        ars="051120000000",
        greeting="Stadt Duisburg, guten Tag. Was kann ich für Sie tun?",
        colour_light="#1f5fa8",
        colour_dark="#7fb2ff",
    )


@pytest.fixture
def dinslaken(db) -> Tenant:
    return Tenant.objects.create(
        slug="dinslaken",
        name="Dinslaken",
        official_name="Stadt Dinslaken",
        ags="05170008",
        ars="051700008008",
        greeting="Stadtverwaltung Dinslaken, guten Tag. Was kann ich für Sie tun?",
        colour_light="#00695c",
        colour_dark="#43b3a0",
    )


@pytest.fixture
def lines(duisburg: Tenant, dinslaken: Tenant) -> dict[str, Line]:
    """One city number each: +492032830 and +492064660."""
    with all_cities("test data"):
        return {
            "duisburg": Line.objects.create(tenant=duisburg, number="+492032830", label="Zentrale Duisburg"),
            "dinslaken": Line.objects.create(tenant=dinslaken, number="+492064660", label="Zentrale Dinslaken"),
        }


def make_user(username: str, *memberships: tuple[Tenant, str]) -> User:
    user = User.objects.create_user(username, password="ein-langes-kennwort", name=username.title())
    for tenant, role in memberships:
        Membership.objects.create(user=user, tenant=tenant, role=role)
    return user


@pytest.fixture
def people(duisburg: Tenant, dinslaken: Tenant) -> dict[str, User]:
    both = (duisburg, dinslaken)
    return {
        "agent": make_user("agent", *((city, Role.AGENT) for city in both)),
        "editor": make_user("editor", *((city, Role.EDITOR) for city in both)),
        "supervisor": make_user("supervisor", *((city, Role.SUPERVISOR) for city in both)),
        "accountant": make_user("accountant", (duisburg, Role.ACCOUNTANT)),
        "liaison": make_user("liaison", (dinslaken, Role.LIAISON)),
        "administrator": make_user("administrator", *((city, Role.ADMINISTRATOR) for city in both)),
    }


@pytest.fixture
def client_for(people: dict[str, User]) -> Callable[[str | User], Client]:
    def sign_in(who: str | User) -> Client:
        client = Client()
        user = people[who] if isinstance(who, str) else who
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def every_city() -> Iterator[None]:
    """The test reads and writes for every city."""
    with all_cities("test"):
        yield


@pytest.fixture
def in_dinslaken(dinslaken: Tenant) -> Iterator[None]:
    with scoped([dinslaken]):
        yield
