"""The second wall: PostgreSQL itself keeps cities apart when the ORM's scope is taken down.

The tests work as the role that docs/admin/postgresql-roles.sql makes for the application.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, models, transaction

from callcenter.calls.models import Call, CallerNumber, Contact
from tenants import rls
from tenants.models import Line, Office, Tenant
from tenants.scope import all_cities, scoped
from tests.samples import build_samples
from tests.walls import application_role

only_on_postgresql = pytest.mark.postgresql  # SQLite has no row-level security: one wall there (docs/decisions/0008)


def test_every_scoped_model_has_a_rule() -> None:
    """A table that was forgotten would be the hole in the wall."""
    from tests.test_guards import is_scoped, our_models

    assert {model._meta.db_table for model in our_models() if is_scoped(model)} == {t for t, _ in rls.policies()}
    for table, rule in rls.policies():
        assert "callcenter.tenants" in rule or "EXISTS" in rule, table


@only_on_postgresql
@pytest.mark.django_db
def test_every_walled_table_has_its_policy_in_the_database() -> None:
    """A rule that was never installed protects nobody."""
    assert rls.install(connection) == [], "migrate did not bring every policy up to date"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
            "WHERE c.relrowsecurity AND c.relforcerowsecurity"
        )
        assert {name for (name,) in cursor.fetchall()} == {table for table, _ in rls.policies()}


@pytest.fixture
def both_cities(duisburg: Tenant, dinslaken: Tenant, lines: dict[str, Line]) -> tuple[Tenant, Tenant]:
    """Rows of both cities that could leak."""
    for city in (duisburg, dinslaken):
        samples = build_samples(city)
        with all_cities("test data"):
            CallerNumber.objects.create(
                call=samples["call"], number=b"x", keyed_hash="0" * 64, seen_at=samples["call"].offered_at
            )
    return duisburg, dinslaken


@pytest.fixture
def behind_the_wall(both_cities: tuple[Tenant, Tenant]) -> Iterator[tuple[Tenant, Tenant]]:
    """The rest of the test runs as the application's role; the role ends with the test's transaction."""
    with application_role():
        yield both_cities


def plain(model: type[models.Model]) -> models.QuerySet:
    """The table without the ORM's scope: the first wall taken down."""
    return models.QuerySet(model)


@only_on_postgresql
@pytest.mark.django_db
def test_role_of_the_application_cannot_step_round(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """A role that owns the tables or bypasses the policies would make the wall a painting."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


@only_on_postgresql
@pytest.mark.django_db
def test_without_a_scope_nothing_is_seen(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """Code that forgot its scope gets nothing, whatever query it writes."""
    for model in rls.walled_models():
        assert plain(model).count() == 0, model._meta.label


@only_on_postgresql
@pytest.mark.django_db
def test_only_own_rows_are_seen_with_the_first_wall_down(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """A query round the scoped manager, a join or raw SQL must still end at the city's border."""
    duisburg, dinslaken = behind_the_wall
    seen = 0
    for model in rls.walled_models():
        paths = model._default_manager.city_paths()
        with scoped([dinslaken]):
            cities = [set(filter(None, row)) for row in plain(model).values_list(*paths)]
        assert all(not row or dinslaken.pk in row for row in cities), model._meta.label
        with all_cities("test"):
            everything = plain(model).count()
        seen += everything > len(cities)
    assert seen >= 6, "these tables held rows of both cities, so that something could leak"
    with scoped([dinslaken]), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM tenants_office")
        assert cursor.fetchall() == [(dinslaken.pk,)]
        cursor.execute("SELECT count(*) FROM calls_callernumber")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM tenants_line l JOIN tenants_tenant t ON t.id = l.tenant_id AND t.id = %s",
                       [duisburg.pk])  # fmt: skip
        assert cursor.fetchone() == (0,)


@only_on_postgresql
@pytest.mark.django_db
def test_writing_for_another_city_is_refused_by_the_database(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """A scope does not stop create(tenant=other); the database does."""
    duisburg, dinslaken = behind_the_wall
    with scoped([dinslaken]):
        Office.objects.create(tenant=dinslaken, name="Standesamt")
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Office.objects.create(tenant=duisburg, name="Standesamt")
        assert plain(Office).filter(tenant=duisburg).update(name="Umbenannt") == 0
        assert plain(Office).filter(tenant=duisburg).delete()[0] == 0
        own = plain(Office).first()
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            plain(Office).filter(pk=own.pk).update(tenant=duisburg)


@only_on_postgresql
@pytest.mark.django_db
def test_scopes_nest_and_close_in_the_database_too(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """After the inner scope the outer one counts again, and after both none; also after a savepoint was undone."""
    duisburg, dinslaken = behind_the_wall

    def cities() -> set[int]:
        return set(plain(Office).values_list("tenant_id", flat=True))

    with scoped([duisburg]):
        assert cities() == {duisburg.pk}
        with all_cities("test"):
            assert cities() == {duisburg.pk, dinslaken.pk}
        assert cities() == {duisburg.pk}
        with transaction.atomic(), scoped([dinslaken]):
            assert cities() == {dinslaken.pk}
            transaction.set_rollback(True)
        assert cities() == {duisburg.pk}
    assert cities() == set()


@only_on_postgresql
@pytest.mark.django_db
def test_reading_beyond_the_scope_opens_the_wall_for_that_statement_only(
    behind_the_wall: tuple[Tenant, Tenant],
) -> None:
    """Code that checks the right itself must work, and must not leave the door open."""
    duisburg, dinslaken = behind_the_wall
    with scoped([dinslaken]):
        beyond = Office.objects.beyond_scope("a test of the wall")
        assert {office.tenant_id for office in beyond} == {duisburg.pk, dinslaken.pk}
        assert beyond.count() == beyond.aggregate(n=models.Count("pk"))["n"] == 2
        assert beyond.filter(tenant=duisburg).exists()
        for office in beyond.order_by("tenant_id").iterator(chunk_size=1):
            assert plain(Office).get().tenant == dinslaken, office
        assert plain(Office).get().tenant == dinslaken


@only_on_postgresql
@pytest.mark.django_db
def test_calls_without_a_city_are_seen_in_a_scope_but_not_without(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """An unassigned call must reach a desk; it belongs to no city, so no city's secret is told."""
    _duisburg, dinslaken = behind_the_wall
    with all_cities("test"):
        unassigned = Call.objects.create(offered_at=Contact.objects.first().opened_at)
    with scoped([dinslaken]):
        assert plain(Call).filter(pk=unassigned.pk).exists()
        assert not Call.objects.filter(pk=unassigned.pk).exists()
    assert not plain(Call).filter(pk=unassigned.pk).exists()


@only_on_postgresql
@pytest.mark.django_db
def test_wall_costs_one_statement_per_change_of_scope(behind_the_wall: tuple[Tenant, Tenant]) -> None:
    """The desk's search must stay quick: the setting is sent when it changes, not with every query."""
    _, dinslaken = behind_the_wall
    told: list[str] = []
    wall = rls.Wall(connection)
    original = wall._tell
    wall._tell = lambda wanted: (told.append(wanted), original(wanted))[1]  # type: ignore[method-assign, func-returns-value]
    connection.execute_wrappers[-1] = wall
    with scoped([dinslaken]):
        for _ in range(5):
            plain(Office).count()
    assert told == [str(dinslaken.pk)]


@only_on_postgresql
@pytest.mark.django_db(transaction=True)
def test_scope_holds_outside_a_transaction_and_does_not_stay(both_cities: tuple[Tenant, Tenant]) -> None:
    """Commands and jobs read without a transaction; the next user of a pooled connection must inherit nothing."""
    _duisburg, dinslaken = both_cities
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS callcenter_test_outside")
        cursor.execute("CREATE ROLE callcenter_test_outside")
        cursor.execute("GRANT SELECT ON tenants_office TO callcenter_test_outside")
        cursor.execute("SET ROLE callcenter_test_outside")
    try:
        with connection.execute_wrapper(rls.Wall(connection)):
            with scoped([dinslaken]):
                assert [office.tenant_id for office in plain(Office)] == [dinslaken.pk]
                assert connection.get_autocommit()
            assert plain(Office).count() == 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('callcenter.tenants', true), '')")
            assert cursor.fetchone() == ("",)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute("REVOKE ALL ON tenants_office FROM callcenter_test_outside")
            cursor.execute("DROP ROLE callcenter_test_outside")
