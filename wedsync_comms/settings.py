"""Every setting, read top to bottom: the environment (or `.env`) in, Django's names out.

`.env.example` lists what can be set. What is missing or weak stops the start with a sentence that
says what to do; what is merely odd is a system check (`communications/checks.py`).
"""

import os
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from communications.vocabulary.email_addresses import sender_header
from wedsync_comms.lib.database.database_settings import database_settings
from wedsync_comms.lib.environment import way_out
from wedsync_comms.lib.environment.secret_files import SecretFileEnv
from wedsync_comms.lib.reporting.logs import PROCESSORS, is_news, log_formatter
from wedsync_comms.lib.reporting.sentry import start_sentry
from wedsync_comms.lib.storage.storage_settings import storage_settings

# As in pyproject.toml.
VERSION = "0.2.0"

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = SecretFileEnv()
env.read_env(BASE_DIR / ".env")
if not env.str("SECRET_KEY", default=""):
    # What `make run` made up is there while it runs, for other commands on the same machine.
    env.read_env(VAR_DIR / "run.env")

# --- Django's own -------------------------------------------------------------------------------

DEBUG: bool = env.bool("DEBUG", default=False)

# HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, SSL_CERT_FILE: for all that asks something outside. A
# developer's may be anything, for the demo asks nobody there.
way_out.share_certificates(os.environ)
if not DEBUG:
    try:
        way_out.check_way_out()
    except way_out.UnusableWayOut as error:
        raise ImproperlyConfigured(str(error)) from error

# Long and random enough for signing sessions; the length is the one Django's own check asks for.
SECRET_KEY_LENGTH = 50
SECRET_KEY: str = env.str("SECRET_KEY", default="")
if DEBUG:
    SECRET_KEY = SECRET_KEY or "django-insecure-for-development-on-this-machine-only"
elif len(SECRET_KEY) < SECRET_KEY_LENGTH or SECRET_KEY.startswith("django-insecure-"):
    raise ImproperlyConfigured(
        f"SECRET_KEY is missing or weak: set it to at least {SECRET_KEY_LENGTH} random "
        "characters, in the environment or in .env. This prints one: python -c "
        "'import secrets; print(secrets.token_urlsafe(50))'. "
        "(DEBUG=on does without, on a developer's machine.)",
    )

# Old ones, newest first: what they signed (sessions, links to unsubscribe) goes on being believed.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])

# The base under which providers reach us: signatures and callbacks are computed from it, never
# from the Host header.
PUBLIC_URL: str = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Where we ask ourselves whether our webhooks are there, if not there: from inside, the public name
# may lead nowhere. A name alone is asked by https.
SELF_TEST_URL: str = env.str("SELF_TEST_URL", default="").rstrip("/")
if SELF_TEST_URL and "://" not in SELF_TEST_URL:
    SELF_TEST_URL = f"https://{SELF_TEST_URL}"
SERVED_OVER_TLS = PUBLIC_URL.startswith("https://")

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ADMINS = [("administrator", address) for address in env.list("ADMINS", default=[])]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_q",
    "wedsync_comms",
    "wedsync_comms.lib",
    "communications",
    "calendars",
    "health",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "wedsync_comms.urls"
WSGI_APPLICATION = "wedsync_comms.wsgi.application"
ASGI_APPLICATION = "wedsync_comms.asgi.application"

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
            ],
        },
    },
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
# The links that `create_organization` makes.
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = "/"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Contents of attachments and media, of which nothing is public: served by us or not at all.
FILES_URL: str = env.str("FILES_URL", default=str(VAR_DIR / "files"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "files": storage_settings(FILES_URL),
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        ),
    },
}

# TLS ends at the proxy in front of us, which sets X-Forwarded-Proto.
if SERVED_OVER_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SERVED_OVER_TLS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # asked by load balancers from the inside
# Browsers remember it for a year, and localhost is everything that is ever tried out there.
SECURE_HSTS_SECONDS = (
    0
    if way_out.is_loopback(urlsplit(PUBLIC_URL).hostname or "") or not SERVED_OVER_TLS
    else 31_536_000
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SERVED_OVER_TLS
SECURE_HSTS_PRELOAD = SERVED_OVER_TLS
SESSION_COOKIE_SECURE = SERVED_OVER_TLS
CSRF_COOKIE_SECURE = SERVED_OVER_TLS
X_FRAME_OPTIONS = "DENY"

# --- Database -----------------------------------------------------------------------------------

# Connections a process may have to PostgreSQL. Off where processes fork, which a pool does not
# survive: the cluster of a worker, whose processes have a connection each.
DATABASE_POOL_SIZE = (
    env.int("DATABASE_POOL_SIZE", default=12) if env.bool("DATABASE_POOL", default=True) else 0
)
DATABASE = database_settings(
    env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'wedsync.sqlite3'}"),
    pool_size=DATABASE_POOL_SIZE,
)
if DATABASE["ENGINE"].endswith("sqlite3"):
    VAR_DIR.mkdir(exist_ok=True)
DATABASES = {"default": DATABASE}
# Around PgBouncer, behind which nobody hears NOTIFY: for wake-ups where there is no Redis.
DATABASE_DIRECT: dict[str, Any] | None = None
if env.str("DATABASE_DIRECT_URL", default=""):
    DATABASE_DIRECT = database_settings(env.db_url("DATABASE_DIRECT_URL"), pool_size=0)
    if DATABASE_DIRECT["ENGINE"].endswith("sqlite3"):
        raise ImproperlyConfigured("DATABASE_DIRECT_URL is for PostgreSQL: postgres://…")
# How many of each process run against this database, as far as they are more than one; with it,
# `check --deploy` compares what they may open with what PostgreSQL allows.
REPLICAS: dict[str, int] = {
    process: int(count) for process, count in env.dict("REPLICAS", default={}).items()
}
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=12)

# --- Redis: channel layer, shared limits, wake-ups; works without -------------------------------

REDIS_URL: str = env.str("REDIS_URL", default="")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        },
    }

# --- django-q2: what is periodic or slow --------------------------------------------------------

# While releases run side by side, an older worker may not know a task of ours, which would fail
# there. So each release has a queue of its own, and takes what earlier ones left; newest first.
TASK_QUEUES = (f"wedsync-{VERSION}", "wedsync")
# A task may be lost, late or doubled without harm. The retry clock starts when a task is
# prefetched, so retry > timeout x (queue_limit / workers + 2), or it runs twice.
Q_CLUSTER: dict[str, Any] = {
    "name": "wedsync",
    "broker_class": "wedsync_comms.task_queues.ReleaseQueue",
    "orm": "default",
    "workers": 2,
    "queue_limit": 4,
    "bulk": 2,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "ack_failures": True,
    "save_limit": -1,
    "poll": 0.2,
    "catch_up": False,
    "label": "Background tasks",
}

# --- JSON API -----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["communications.api.permissions.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["communications.api.parsers.CappedJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "communications.api.pagination.NewestFirst",
    "EXCEPTION_HANDLER": "communications.api.errors.as_answer",
    "DEFAULT_SCHEMA_CLASS": "communications.api.documentation.DocumentedSchema",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "WedSync Communications",
    "DESCRIPTION": "Messages that arrive, by e-mail, SMS and WhatsApp, and what happened to them.",
    "VERSION": VERSION,
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    # Where null may be, 3.0 could not say beside a reference.
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/"}],
    "SERVE_INCLUDE_SCHEMA": False,
    # What is sent has an id; what is taken has none.
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "communications.api.documentation.complete_schema",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "communications.vocabulary.statuses.Status.choices",
        "AttemptStatusEnum": "communications.models.messages.STATUSES",
        "HealthStatusEnum": "health.vocabulary.readings.State.choices",
        "ChannelEnum": "communications.models.contacts.Channel.choices",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # The documentation page loads nothing from other hosts.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Providers ----------------------------------------------------------------------------------

# Where the stand-in for providers shows what it got; set by `make run`, linked to under DEBUG.
SANDBOX_URL: str = env.str("SANDBOX_URL", default="")

# In the one form that every library reads: a name may have a comma.
EMAIL_FROM: str = sender_header(env.str("EMAIL_FROM", default=""))

# Slug -> how to build it. The slug is the URL segment, the value in rows and the payload folder.
PROVIDERS: dict[str, dict[str, Any]] = {}
if env.str("RESEND_API_KEY", default=""):
    PROVIDERS["resend"] = {
        "BACKEND": "communications.providers.resend.Resend",
        "OPTIONS": {
            "api_key": env.str("RESEND_API_KEY"),
            "webhook_secrets": env.list("RESEND_WEBHOOK_SECRET", default=[]),
            "api_url": env.str("RESEND_API_URL", default="https://api.resend.com"),
            "sender": EMAIL_FROM,
            # Resend's documents say 5 and older copies 2 requests a second and team.
            "rate_per_second": env.float("RESEND_RATE_PER_SECOND", default=2.0),
        },
    }

if env.str("EMAIL_URL", default=""):
    _mail = env.email_url("EMAIL_URL")
    # filemail:///var/mails: its files lie there and not below the working directory.
    _mail_path = f"/{_mail['EMAIL_FILE_PATH'].lstrip('/')}" if _mail["EMAIL_FILE_PATH"] else ""
    PROVIDERS["django_mail"] = {
        "BACKEND": "communications.providers.django_mail.DjangoMail",
        "OPTIONS": {
            "backend": _mail["EMAIL_BACKEND"],
            "sender": EMAIL_FROM,
            "host": _mail["EMAIL_HOST"],
            "port": _mail["EMAIL_PORT"],
            "username": _mail["EMAIL_HOST_USER"],
            "password": _mail["EMAIL_HOST_PASSWORD"],
            "use_tls": _mail.get("EMAIL_USE_TLS", False),
            "use_ssl": _mail.get("EMAIL_USE_SSL", False),
            **({"file_path": _mail_path} if _mail_path else {}),
        },
    }
if env.str("TWILIO_ACCOUNT_SID", default=""):
    _twilio = {
        "account_sid": env.str("TWILIO_ACCOUNT_SID"),
        "auth_tokens": env.list("TWILIO_AUTH_TOKEN"),
        "api_url": env.str("TWILIO_API_URL", default="https://api.twilio.com"),
        "callback_url": f"{PUBLIC_URL}/api/webhooks/communications/twilio",
        "rate_per_second": env.float("TWILIO_RATE_PER_SECOND", default=10.0),
    }
    PROVIDERS["twilio"] = {
        "BACKEND": "communications.providers.twilio.Twilio",
        "OPTIONS": {
            **_twilio,
            "sender": env.str("TWILIO_FROM", default=""),
            "messaging_service_sid": env.str("TWILIO_MESSAGING_SERVICE_SID", default=""),
        },
    }
    if env.str("TWILIO_WHATSAPP_FROM", default=""):
        PROVIDERS["twilio_whatsapp"] = {
            "BACKEND": "communications.providers.twilio.TwilioWhatsApp",
            "OPTIONS": {**_twilio, "sender": env.str("TWILIO_WHATSAPP_FROM")},
        }
if env.str("WHATSAPP_ACCESS_TOKEN", default=""):
    PROVIDERS["whatsapp"] = {
        "BACKEND": "communications.providers.whatsapp.WhatsApp",
        "OPTIONS": {
            "access_token": env.str("WHATSAPP_ACCESS_TOKEN"),
            "phone_number_id": env.str("WHATSAPP_PHONE_NUMBER_ID"),
            "business_account_id": env.str("WHATSAPP_BUSINESS_ACCOUNT_ID", default=""),
            "app_secrets": env.list("WHATSAPP_APP_SECRET", default=[]),
            "verify_token": env.str("WHATSAPP_VERIFY_TOKEN", default=""),
            "api_url": env.str("WHATSAPP_API_URL", default="https://graph.facebook.com"),
            "api_version": env.str("WHATSAPP_API_VERSION", default="v23.0"),
            "rate_per_second": env.float("WHATSAPP_RATE_PER_SECOND", default=80.0),
        },
    }

# Channel -> providers in failover order: all there is a place for, and those that have an account.
ROUTE_ORDER: dict[str, tuple[str, ...]] = {
    "email": ("resend", "django_mail"),
    "sms": ("twilio",),
    "whatsapp": ("whatsapp", "twilio_whatsapp"),
}
ROUTES: dict[str, list[str]] = {
    channel: [slug for slug in order if slug in PROVIDERS] for channel, order in ROUTE_ORDER.items()
}

# --- Calendars and address books -----------------------------------------------------------------

CALENDARS: dict[str, dict[str, Any]] = {}
if env.str("GOOGLE_CLIENT_ID", default=""):
    CALENDARS["google"] = {
        "BACKEND": "calendars.providers.google.Google",
        "OPTIONS": {
            "client_id": env.str("GOOGLE_CLIENT_ID"),
            "client_secret": env.str("GOOGLE_CLIENT_SECRET"),
            # Blank: Google's own hosts, of which calendars and people have one each.
            "api_url": env.str("GOOGLE_API_URL", default=""),
            "token_url": env.str("GOOGLE_TOKEN_URL", default="https://oauth2.googleapis.com/token"),
            "auth_url": env.str(
                "GOOGLE_AUTH_URL",
                default="https://accounts.google.com/o/oauth2/v2/auth",
            ),
        },
    }
if env.str("MICROSOFT_CLIENT_ID", default=""):
    CALENDARS["microsoft"] = {
        "BACKEND": "calendars.providers.microsoft.Microsoft",
        "OPTIONS": {
            "client_id": env.str("MICROSOFT_CLIENT_ID"),
            "client_secret": env.str("MICROSOFT_CLIENT_SECRET"),
            # common, organizations, consumers or the id of one
            "tenant": env.str("MICROSOFT_TENANT", default="common"),
            "graph_url": env.str("MICROSOFT_GRAPH_URL", default="https://graph.microsoft.com/v1.0"),
            "authority_url": env.str(
                "MICROSOFT_AUTHORITY_URL",
                default="https://login.microsoftonline.com",
            ),
        },
    }

# Secrets at rest: Fernet keys, newest first. Whoever links accounts must have one of their own, or
# a leaked SECRET_KEY would open their calendars, and a new one would close them.
ENCRYPTION_KEYS: list[str] = env.list("ENCRYPTION_KEYS", default=[])
if DEBUG and not ENCRYPTION_KEYS:
    ENCRYPTION_KEYS = [urlsafe_b64encode(sha256(SECRET_KEY.encode()).digest()).decode()]
if CALENDARS and not ENCRYPTION_KEYS:
    raise ImproperlyConfigured(
        "ENCRYPTION_KEYS is missing, and calendars are configured: set it to a Fernet key. This "
        "prints one: python -c 'from cryptography.fernet import Fernet; "
        "print(Fernet.generate_key().decode())'.",
    )

# --- Sending, receiving, keeping ----------------------------------------------------------------

# A worker that died gives its calls back after this long. Longer than any provider's timeout.
LEASE_SECONDS = env.float("LEASE_SECONDS", default=60.0)
# How long a message may stay "unknown" before it counts as failed; a late receipt still wins.
UNKNOWN_GRACE_SECONDS = env.float("UNKNOWN_GRACE_SECONDS", default=900.0)
# A provider's receipts usually come within seconds; after this long we ask.
RECEIPT_OVERDUE_SECONDS = env.float("RECEIPT_OVERDUE_SECONDS", default=120.0)
# How many days what is kept, for all organizations, of which each may choose fewer; 0: for ever.
# What a person wrote goes only where somebody decided so.
KEEP_DAYS = env.int("KEEP_DAYS", default=90)
RETENTION_DAYS: dict[str, int] = {
    "text": env.int("KEEP_TEXT_DAYS", default=0),
    "message": env.int("KEEP_MESSAGE_DAYS", default=0),
    "attempt": env.int("KEEP_ATTEMPT_DAYS", default=0),
    "delivery": env.int("KEEP_DELIVERY_DAYS", default=KEEP_DAYS),
    "event": env.int("KEEP_EVENT_DAYS", default=KEEP_DAYS),
}
# Providers repeat webhooks and send receipts for a week, and what those are about must be there.
for _kind, _days in {"": KEEP_DAYS, **RETENTION_DAYS}.items():
    _name, _least = f"KEEP_{_kind}_DAYS".upper().replace("__", "_"), 1 if _kind == "text" else 7
    if _days and _days < _least:
        raise ImproperlyConfigured(
            f"{_name} is {_days}: set it to {_least} or more, or to 0, which is for ever."
        )
# The largest webhook taken; Meta's are the largest, up to 3 MB.
WEBHOOK_MAX_BYTES = 3 * 1024 * 1024
# API requests carry attachments, so the limit is Resend's for a whole mail.
DATA_UPLOAD_MAX_MEMORY_SIZE = 40 * 1024 * 1024

# --- Alerts --------------------------------------------------------------------------------------

# Where administrators are told about incidents: Apprise URLs. None: ADMINS, by e-mail.
ALERT_URLS: list[str] = env.list("ALERT_URLS", default=[])
EMAIL_URL_IS_SET = bool(env.str("EMAIL_URL", default=""))
if EMAIL_URL_IS_SET:
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = (
        _mail[f"EMAIL_{name}"] for name in ("BACKEND", "HOST", "PORT")
    )
    EMAIL_FILE_PATH = _mail_path or None
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = (
        _mail.get(f"EMAIL_USE_{name}", False) for name in ("TLS", "SSL")
    )
EMAIL_TIMEOUT = 10
SERVER_EMAIL = EMAIL_FROM or "root@localhost"
# For Prometheus, from where /metrics cannot be reached without: see docs/monitoring.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

# --- Logs: one line per attempt and per delivery, ids in, secrets and bodies out ----------------

LOG_FORMAT: str = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"structured": {"()": log_formatter, "style": LOG_FORMAT}},
    "filters": {
        "news": {"()": "django.utils.log.CallbackFilter", "callback": is_news},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "structured"},
        "admins": {"class": "wedsync_comms.lib.reporting.error_mail.ErrorMailHandler"},
    },
    "root": {"handlers": ["stderr", "admins"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"handlers": [], "level": "INFO", "propagate": True, "filters": ["news"]},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "django-q": {"handlers": [], "level": "WARNING", "propagate": True},
        # Three lines for each request otherwise.
        "psycopg.pool": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
structlog.configure(
    processors=PROCESSORS,
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)

# Where errors are reported as well: the extra `sentry`.
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    start_sentry(SENTRY_DSN)

# --- Admin theme --------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "WedSync Communications",
    "SITE_HEADER": "WedSync",
    "SITE_SUBHEADER": "Communications",
    "SITE_URL": "/",
    "SITE_SYMBOL": "favorite",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "communications.admin.sidebar.favicon"},
    ],
    "STYLES": ["communications.admin.sidebar.stylesheet"],
    "SIDEBAR": {"navigation": "communications.admin.sidebar.navigation"},
    "DASHBOARD_CALLBACK": "communications.admin.dashboard.dashboard_context",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 343)",
            "100": "oklch(94.8% .028 342)",
            "200": "oklch(89.9% .061 343)",
            "300": "oklch(82.3% .12 346)",
            "400": "oklch(71.8% .17 350)",
            "500": "oklch(63% .19 354)",
            "600": "oklch(56% .19 2)",
            "700": "oklch(49% .17 2)",
            "800": "oklch(42% .14 2)",
            "900": "oklch(37% .11 0)",
            "950": "oklch(26% .08 358)",
        },
    },
}
