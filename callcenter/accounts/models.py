"""Who works here: users, and what they may do in which city."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from tenants.models import Tenant
from tenants.scope import TenantOwned

# Of a city, read with the rights: what links and the search while typing show of it.
CITY_FIELDS = ("slug", "name", "time_zone", "land")


class Role(models.TextChoices):
    AGENT = "agent", "Telefonservice"
    EDITOR = "editor", "Redaktion"
    SUPERVISOR = "supervisor", "Leitung"
    ACCOUNTANT = "accountant", "Abrechnung"
    LIAISON = "liaison", "Partnerstadt"
    ADMINISTRATOR = "administrator", "Verwaltung"


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: object) -> User:
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in. Rights come from memberships only; there is no superuser."""

    username = models.CharField("Anmeldename", max_length=80, unique=True)
    name = models.CharField("Name", max_length=120)
    email = models.EmailField("E-Mail", blank=True)
    is_active = models.BooleanField("aktiv", default=True)
    is_demo = models.BooleanField("Demo-Konto", default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    language = models.CharField("Sprache", max_length=2, choices=[("de", "Deutsch"), ("en", "English")], default="de")
    theme = models.CharField(
        "Darstellung",
        max_length=6,
        choices=[("auto", "wie das Gerät"), ("light", "hell"), ("dark", "dunkel")],
        default="auto",
    )
    preferences = models.JSONField(default=dict, blank=True)
    emergency_until = models.DateTimeField(
        "Notfallkonto bis", null=True, blank=True, help_text="An account of `manage.py break_glass`; void afterwards."
    )

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = UserManager()

    class Meta:
        ordering = ["name"]
        verbose_name = "Konto"
        verbose_name_plural = "Konten"

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_emergency(self) -> bool:
        """An account for the day the identity provider is away; each sign-in sounds an alarm."""
        return self.emergency_until is not None

    @property
    def emergency_is_over(self) -> bool:
        return self.emergency_until is not None and self.emergency_until <= timezone.now()

    def rights(self) -> dict[int, frozenset[str]]:
        """Roles by tenant id; read once per request and kept on the instance."""
        if not hasattr(self, "_rights"):
            collected: dict[int, set[str]] = {}
            self._cities: dict[int, Tenant] = {}
            held = self.memberships.filter(tenant__is_active=True)
            read = [f"tenant__{field}" for field in CITY_FIELDS]
            for tenant_id, role, *fields in held.values_list("tenant_id", "role", *read):
                collected.setdefault(tenant_id, set()).add(role)
                if tenant_id not in self._cities:
                    self._cities[tenant_id] = Tenant.from_db(None, ["id", *CITY_FIELDS], [tenant_id, *fields])
            self._rights = {tenant: frozenset(roles) for tenant, roles in collected.items()}
        return self._rights

    def cities(self, *roles: str) -> list[Tenant]:
        """The cities of ``tenant_ids`` by name, for what is asked often: only CITY_FIELDS are read, with the rights."""
        ids = self.tenant_ids(*roles)
        return [city for city in self._cities.values() if city.pk in ids]

    def tenant_ids(self, *roles: str) -> frozenset[int]:
        """Cities in which the user has one of the roles; an administrator may do what every role may."""
        wanted = {*roles, Role.ADMINISTRATOR} if roles else set(Role.values)
        return frozenset(tenant for tenant, held in self.rights().items() if held & wanted)

    def roles(self) -> frozenset[str]:
        """Every role held in any city."""
        return frozenset(role for held in self.rights().values() for role in held)

    def may(self, tenant: Tenant | int, roles: Iterable[str]) -> bool:
        return (tenant if isinstance(tenant, int) else tenant.pk) in self.tenant_ids(*roles)


def display_name(user: User) -> str:
    """allauth shows people by this name."""
    return str(user)


class Membership(models.Model):
    """One role of one user in one city."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField("Rolle", max_length=15, choices=Role)

    class Meta:
        ordering = ["tenant__name", "role"]
        constraints = [models.UniqueConstraint(fields=["user", "tenant", "role"], name="membership_once")]
        verbose_name = "Zugehörigkeit"
        verbose_name_plural = "Zugehörigkeiten"

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant} · {self.get_role_display()}"


class RoleRequest(TenantOwned):
    """A role that counts only once a second administrator has confirmed it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_requests")
    role = models.CharField("Rolle", max_length=15, choices=Role)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["requested_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "user", "role"], name="role_request_once")]
        verbose_name = "beantragte Rolle"
        verbose_name_plural = "beantragte Rollen"

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"
