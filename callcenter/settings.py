"""Settings, all read from the environment; docs/admin/settings.md lists every one.

Without any, the program runs embedded: SQLite, Whoosh, Celery's jobs beside the one process,
everything it writes below ``var/``.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent


def env_flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


# --- where the program writes -------------------------------------------------------------
VAR = Path(os.environ.get("CALLCENTER_VAR", BASE_DIR / "var")).resolve()
for folder in (VAR, VAR / "keys", VAR / "mail"):
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def kept_secret(name: str) -> str:
    """A secret from the environment, or one made once and kept in the keys folder."""
    if value := os.environ.get(f"CALLCENTER_{name.upper()}"):
        return value
    path = VAR / "keys" / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        value = secrets.token_urlsafe(48)
        file.write(value)
    return value


SECRET_KEY = kept_secret("secret_key")
NUMBER_KEY = kept_secret("number_key")  # encrypts caller numbers and keys their hash
# While the key is being replaced: what the old one sealed is still read (docs/admin/operation.md).
_previous = VAR / "keys" / "number_key_previous"
NUMBER_KEY_PREVIOUS = os.environ.get("CALLCENTER_NUMBER_KEY_PREVIOUS") or (
    _previous.read_text().strip() if _previous.exists() else ""
)

# --- modes ----------------------------------------------------------------------------------
DEBUG = env_flag("CALLCENTER_DEBUG")
DEMO = env_flag("CALLCENTER_DEMO")  # one-click sign-in per role; never with real data
ALLOWED_HOSTS = env_list("CALLCENTER_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CALLCENTER_ORIGINS")
# Where `serve` listens stands in its folder: commands beside it name the right address.
_served = VAR / "served-at"
BASE_URL = os.environ.get("CALLCENTER_URL") or (
    _served.read_text().strip() if _served.exists() else "http://127.0.0.1:8000"
)
HTTPS = BASE_URL.startswith("https://")

# --- applications ---------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "callcenter.audit",
    "tenants",
    "callcenter.accounts",
    "knowledge",
    "callcenter.calls",
    "billing",
    "callcenter.desktop",
    "callcenter.supervision",
    "callcenter.apps.HouseConfig",
    "haystack",  # after knowledge, whose rebuild_index is the one that counts
]

MIDDLEWARE = [
    "callcenter.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "callcenter.accounts.middleware.AccessMiddleware",
]

ROOT_URLCONF = "callcenter.urls"
# The process of live streams alone: small, because it loads no pages (docs/admin/install.md).
STREAM_ONLY = env_flag("CALLCENTER_STREAM_ONLY")
if STREAM_ONLY:
    ROOT_URLCONF = "callcenter.stream_urls"
    MIDDLEWARE = [
        "callcenter.logs.RequestLogMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "allauth.account.middleware.AccountMiddleware",  # allauth refuses to start without
    ]
ASGI_APPLICATION = "callcenter.asgi.application"
WSGI_APPLICATION = "callcenter.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "callcenter.navigation.shell",
            ],
            "builtins": ["callcenter.accounts.templatetags.house"],
        },
    },
]

# --- database -------------------------------------------------------------------------------
DATABASES = {"default": dj_database_url.config(default=f"sqlite:///{VAR / 'callcenter.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # Measured with six writers: Django's defaults lock out one transaction in nine; these, none.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
    # Every SQLite transaction takes the write lock, so only writes open one (docs/decisions/0003).
    _database["ATOMIC_REQUESTS"] = False
else:
    _database["ENGINE"] = "callcenter.postgresql"  # Django's own, but it refuses at once while the server is away
    _database["ATOMIC_REQUESTS"] = True
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {
        # A restart takes a second or two: whoever asks meanwhile waits for it.
        "pool": {"min_size": 1, "max_size": int(os.environ.get("CALLCENTER_POOL", "8")), "timeout": 3}
    }

# --- search ---------------------------------------------------------------------------------
# Embedded: a Whoosh index in VAR. With PostgreSQL the index lives there too, one for all processes and machines.
_search_engine = os.environ.get(
    "CALLCENTER_SEARCH", "whoosh" if _database["ENGINE"].endswith("sqlite3") else "postgres"
)
HAYSTACK_CONNECTIONS = {
    "default": (
        {"ENGINE": "knowledge.search.haystack_postgres.GermanPostgresEngine"}
        if _search_engine == "postgres"
        else {"ENGINE": "knowledge.search.haystack_whoosh.GermanWhooshEngine", "PATH": str(VAR / "index")}
    ),
}

# --- jobs -----------------------------------------------------------------------------------
REDIS_URL = os.environ.get("REDIS_URL", "")
_broker = VAR / "broker"
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {"visibility_timeout": 3600}
else:
    # Embedded: Celery's own filesystem transport, so that jobs run beside the one process.
    for _queue in ("in", "processed", "control"):
        (_broker / _queue).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost/"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "in"),
        "data_folder_out": str(_broker / "in"),
        "processed_folder": str(_broker / "processed"),
        "control_folder": str(_broker / "control"),
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_DEFAULT_QUEUE = "default"
JOB_QUEUES = ["default", "billing", "mail", "search"]  # every queue a worker of the embedded way listens to
CELERY_TIMEZONE = "Europe/Berlin"
CELERY_ENABLE_UTC = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # Every agreement has its own grace; the job closes what is due and nothing else.
    "close-due-months": {"task": "billing.tasks.close_due_months", "schedule": crontab(minute=0, hour=3)},
    "relay-outbox": {"task": "billing.tasks.relay_outbox", "schedule": timedelta(minutes=1)},
    "reap-stale-calls": {"task": "callcenter.calls.tasks.reap_stale_calls", "schedule": timedelta(minutes=5)},
    "close-overdue-wrap-ups": {
        "task": "callcenter.calls.tasks.close_overdue_wrap_ups",
        "schedule": timedelta(seconds=30),
    },
    "expire-personal-data": {
        "task": "callcenter.calls.tasks.expire_personal_data",
        "schedule": crontab(minute=30, hour=2),
    },
    # Before the names behind last month's calls are deleted, and after it was tried to delete them.
    "decide-staff-months": {
        "task": "callcenter.supervision.tasks.decide_staff_months",
        "schedule": crontab(minute=0, hour=2),
    },
    "prove-retention": {"task": "callcenter.supervision.tasks.prove_retention", "schedule": crontab(minute=15, hour=4)},
    "send-monthly-reports": {
        "task": "callcenter.supervision.tasks.send_monthly_reports",
        "schedule": crontab(minute=0, hour=6),  # what ended yesterday, and what was missed since
    },
    # Figures never wait for it (changed days are read from the ledger); it keeps them quick.
    "refresh-sums": {"task": "callcenter.supervision.tasks.refresh_sums", "schedule": timedelta(minutes=1)},
    "remind-handovers": {"task": "callcenter.calls.tasks.remind_handovers", "schedule": timedelta(minutes=5)},
    "refresh-validity": {"task": "knowledge.tasks.refresh_validity", "schedule": timedelta(minutes=1)},
    # What is printed must be there before the screens go dark.
    "print-packs": {"task": "knowledge.tasks.print_packs", "schedule": crontab(minute=40, hour=4)},
    "reconcile-index": {"task": "knowledge.tasks.reconcile_index", "schedule": timedelta(minutes=1)},
    "check-links": {"task": "knowledge.tasks.check_links", "schedule": crontab(minute=10, hour=4)},
    "remind-editors": {"task": "knowledge.tasks.remind_editors", "schedule": crontab(minute=0, hour=7)},
    "prune-working-copies": {"task": "knowledge.tasks.prune_working_copies", "schedule": crontab(minute=40, hour=2)},
    "prune-live-events": {"task": "callcenter.desktop.tasks.prune_live_events", "schedule": crontab(minute=15)},
}

# --- sign-in --------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_FORMS = {"login": "callcenter.accounts.forms.SignInForm"}
ACCOUNT_ADAPTER = "callcenter.accounts.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_USER_DISPLAY = "callcenter.accounts.models.display_name"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "reset_password": "20/m/ip,5/m/key"}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to addresses nobody has here
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900  # seconds; changing a second factor asks for the password again
MFA_ADAPTER = "callcenter.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Call Duisburg"
MFA_TOTP_TOLERANCE = 1  # a telephone's clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are made by administrators; there is no sign-up to verify
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS  # keys on http://localhost, for trying out
USERSESSIONS_TRACK_ACTIVITY = False  # the beginning of a session is kept, not every page
# People with these roles set a second factor up before anything else, unless the identity provider signed them in.
SECOND_FACTOR_ROLES = env_list(
    "CALLCENTER_SECOND_FACTOR_ROLES", "administrator,accountant" if HTTPS and not DEMO else ""
)
# Administrators and accountants are made by two administrators, as soon as a city has two.
ROLE_FOUR_EYES = env_flag("CALLCENTER_ROLE_FOUR_EYES", HTTPS and not DEMO)
# The city's own identity provider (OpenID Connect); who may do what comes from its groups.
OIDC_ISSUER = os.environ.get("CALLCENTER_OIDC_ISSUER", "")
OIDC_NAME = os.environ.get("CALLCENTER_OIDC_NAME", "Stadt")
OIDC_GROUPS_CLAIM = os.environ.get("CALLCENTER_OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLES = env_list("CALLCENTER_OIDC_ROLES")  # group=city:role
OIDC_ONLY = env_flag("CALLCENTER_OIDC_ONLY")  # local passwords for emergency accounts only
SOCIALACCOUNT_ADAPTER = "callcenter.accounts.adapter.ProviderAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": ["openid", "profile", "email", *env_list("CALLCENTER_OIDC_SCOPES")],
        "APPS": [
            {
                "provider_id": "anmeldung",
                "name": OIDC_NAME,
                "client_id": os.environ.get("CALLCENTER_OIDC_CLIENT_ID", ""),
                "secret": os.environ.get("CALLCENTER_OIDC_CLIENT_SECRET", ""),
                "settings": {"server_url": OIDC_ISSUER, "fetch_userinfo": True},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}
SESSION_COOKIE_AGE = 12 * 3600  # one long shift
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- security -------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# --- language, time -------------------------------------------------------------------------
# Source texts are German; English comes from locale/en (docs/decisions/0002).
LANGUAGE_CODE = "de"
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
USE_THOUSAND_SEPARATOR = True

# --- static files ---------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns about a folder that is not there
NODE_MODULES = BASE_DIR / "node_modules"
_static: list[tuple[str, Path]] = [
    ("", BASE_DIR / "static"),
    ("kern", NODE_MODULES / "@kern-ux" / "native" / "dist"),
    ("echarts", NODE_MODULES / "echarts" / "dist"),
    ("editor", NODE_MODULES / ".built"),  # the editors' rich text, bundled at set-up (make setup)
]
STATICFILES_DIRS = [(prefix, folder) for prefix, folder in _static if folder.exists()]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- staff data -----------------------------------------------------------------------------
# Staff measures are shown from this many agents on; it can only be raised (docs/supervisors/figures.md).
STAFF_LEAST_AGENTS = int(os.environ.get("CALLCENTER_STAFF_LEAST_AGENTS", "5"))

# --- links in articles ----------------------------------------------------------------------
LINK_CHECK = env_flag("CALLCENTER_LINK_CHECK", True)  # each night; off where the server may not ask the internet
LINK_CHECK_LOOPBACK = False  # an article must not make this machine ask itself; the tests' server is one

# --- invoices -------------------------------------------------------------------------------
# Time that each reminder of an unpaid invoice gives.
REMINDER_DAYS = int(os.environ.get("CALLCENTER_REMINDER_DAYS", "14"))
# Where files for a Peppol access point are put for it to collect.
PEPPOL_FOLDER = Path(os.environ.get("CALLCENTER_PEPPOL_FOLDER", VAR / "peppol"))
# Years of keeping by law, from the end of the calendar year; the longest counts. Laws change, and Länder differ.
RETENTION_YEARS = {
    "vouchers": {
        "§ 147 AO": int(os.environ.get("CALLCENTER_KEEP_VOUCHERS_AO", "8")),
        "§ 59 KomHVO NRW": int(os.environ.get("CALLCENTER_KEEP_VOUCHERS_LAND", "6")),
    },
    "books": {
        "§ 147 AO": int(os.environ.get("CALLCENTER_KEEP_BOOKS_AO", "10")),
        "§ 59 KomHVO NRW": int(os.environ.get("CALLCENTER_KEEP_BOOKS_LAND", "10")),
    },
}

# --- mail -----------------------------------------------------------------------------------
if os.environ.get("CALLCENTER_SMTP_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = os.environ["CALLCENTER_SMTP_HOST"]
    EMAIL_PORT = int(os.environ.get("CALLCENTER_SMTP_PORT", "587"))
    EMAIL_HOST_USER = os.environ.get("CALLCENTER_SMTP_USER", "")
    EMAIL_HOST_PASSWORD = os.environ.get("CALLCENTER_SMTP_PASSWORD", "")
    EMAIL_USE_TLS = env_flag("CALLCENTER_SMTP_TLS", True)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR / "mail"
DEFAULT_FROM_EMAIL = os.environ.get("CALLCENTER_MAIL_FROM", "callcenter@localhost")

# --- watching -------------------------------------------------------------------------------
METRICS_TOKEN = os.environ.get("CALLCENTER_METRICS_TOKEN", "")  # without one there is no /metrics
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"house": {"()": "callcenter.logs.HouseFilter"}},
    "formatters": {"line": {"()": "callcenter.logs.LineFormatter"}, "json": {"()": "callcenter.logs.JsonFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["house"],
            "formatter": "json" if os.environ.get("CALLCENTER_LOG_FORMAT") == "json" else "line",
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("CALLCENTER_LOG", "WARNING")},
    # Who signed in and who was refused what is told at every level.
    "loggers": {"callcenter.security": {"level": "INFO"}},
}
