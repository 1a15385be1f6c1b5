"""Every setting of the site, in one file, read from the environment (`.env.example` explains each variable).

A secret may be given as NAME, or as NAME_FILE pointing to a file that holds it. What is derived from another setting is
derived here, once. No branch on "demo": a laptop has other values, which `partner_site.checks` refuses in production.
"""

from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext

from partner_site.content_security import content_security_policy
from partner_site.environment import Environment
from partner_site.log import logging_config

django_stubs_ext.monkeypatch()  # lets `ModelAdmin[Row]` and its like be written at run time too

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# --- The site itself -------------------------------------------------------------------------------------------------
SITE_ENVIRONMENT = env("SITE_ENVIRONMENT", default="production")
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_NAME = env("SITE_NAME", default="Ledgerline")
SITE_URL = env("SITE_URL").rstrip("/")
SITE_HOST = urlsplit(SITE_URL).hostname or ""
SITE_IS_HTTPS = SITE_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[SITE_HOST])
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_IS_HTTPS else []
ROOT_URLCONF = "partner_site.urls"
WSGI_APPLICATION = "partner_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
STRIPE_APP_MANIFEST = BASE_DIR / "stripe_app" / "stripe-app.json"
KEY_PURPOSES = env.list("KEY_PURPOSES", default=[])  # beside it: purposes/<name>.json

INSTALLED_APPS = [
    "partner_site",
    "partner_site.ops.OpsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django.forms",
    "accounts",  # before allauth: its templates and commands come first
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "work",
    "stripe_keys",
    "webhooks",
]

MIDDLEWARE = [
    "partner_site.middleware.no_key_leaves",  # first: it sees what all others answer
    "partner_site.middleware.deliveries_go_straight_on",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "partner_site.middleware.private_pages",
    "partner_site.middleware.machines_have_no_session",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "partner_site.closed_merchants.ClosedMerchants",
    "partner_site.second_factor.UnreadableSecondFactors",
]

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
                "partner_site.context.site",
            ],
        },
    },
]

# --- PostgreSQL, Redis, mail -----------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "partner_site.database"  # looks at pooled connections before use
DATABASES["default"]["OPTIONS"] = {
    # A view waits so long for a connection, then answers 503; it never hangs behind an exhausted pool.
    "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_MAX", default=24), "timeout": 1.25},
    "connect_timeout": 3,
    # A process frozen inside a transaction must not hold its locks for ever, nor a page wait behind a locked table.
    "options": f"-c idle_in_transaction_session_timeout=60s -c lock_timeout={env('DATABASE_LOCK_WAIT', default='0')}",
}
REDIS_URL = env("REDIS_URL")
CACHES = {
    # Sign-in limits must hold while Redis is away, so they live in PostgreSQL.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entries",
        # Beyond so many Django throws a third away: with its 300, anybody with many addresses resets the limits.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "bells": {  # whether one hangs already: worth a moment's wait at most, and losing it costs nothing
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "bells",
        "OPTIONS": {"socket_timeout": 0.3, "socket_connect_timeout": 0.2},
    },
}
EMAIL_CONFIG = env.email("EMAIL_URL")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT")
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 5
OPS_ALERT_ADDRESSES = env.list("OPS_ALERT_ADDRESSES", default=[])
METRICS_TOKEN = env("METRICS_TOKEN", default="")
PARTNER_WEBHOOKS = env.list("PARTNER_WEBHOOKS", default=[])
PARTNER_WEBHOOK_SECRETS = env.list("PARTNER_WEBHOOK_SECRETS", default=[])
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default=f"{SITE_NAME} <no-reply@{SITE_HOST}>")

# --- What a browser is told ------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = SITE_IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked from inside, where there is no TLS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=63_072_000) if SITE_IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SITE_IS_HTTPS
SECURE_HSTS_PRELOAD = SITE_IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Not "no-referrer": browsers then send "Origin: null" with a form, and Django's CSRF check refuses it.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
USE_X_FORWARDED_HOST = False
SESSION_COOKIE_NAME = "__Host-sid" if SITE_IS_HTTPS else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if SITE_IS_HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # not "Strict": the way back from Stripe would lose it
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_ENGINE = "django.contrib.sessions.backends.db"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50
DATA_UPLOAD_MAX_NUMBER_FILES = 0
DEFAULT_EXCEPTION_REPORTER = "partner_site.exception_reports.ShortReport"
DEFAULT_EXCEPTION_REPORTER_FILTER = "partner_site.exception_reports.NothingPrivate"

# --- Signing in ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.OpenMerchantForm"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SITE_IS_HTTPS else "http"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_ADAPTER = "partner_site.second_factor.EncryptedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = SITE_NAME
USERSESSIONS_TRACK_ACTIVITY = False

# --- Stripe (facts that are not certain are settings: docs/stripe-assumptions.md) -----------------------------------
STRIPE_API_BASE = env("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
STRIPE_INSTALL_BASE = env("STRIPE_INSTALL_BASE", default="https://marketplace.stripe.com").rstrip("/")
STRIPE_DASHBOARD_BASE = env("STRIPE_DASHBOARD_BASE", default="https://dashboard.stripe.com").rstrip("/")
STRIPE_APP_ID = env("STRIPE_APP_ID")
STRIPE_APP_OBJECT_ID = env("STRIPE_APP_OBJECT_ID", default="")
STRIPE_INSTALL_PATH_LIVE = env("STRIPE_INSTALL_PATH_LIVE", default="/apps/install/link/{app_id}")
STRIPE_INSTALL_PATH_TEST = env("STRIPE_INSTALL_PATH_TEST", default="/apps/install/link/{app_id}")
STRIPE_APP_SETTINGS_PATH_LIVE = env("STRIPE_APP_SETTINGS_PATH_LIVE", default="/settings/apps/{app_id}")
STRIPE_APP_SETTINGS_PATH_TEST = env("STRIPE_APP_SETTINGS_PATH_TEST", default="/test/settings/apps/{app_id}")
STRIPE_APP_SIGNING_SECRETS = env.list("STRIPE_APP_SIGNING_SECRETS", default=[])
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
EVENT_BODIES_KEPT_DAYS = env.int("EVENT_BODIES_KEPT_DAYS", default=30)
EVENT_FACTS_KEPT_DAYS = env.int("EVENT_FACTS_KEPT_DAYS", default=400)
STRIPE_PLATFORM_KEY_LIVE = env("STRIPE_PLATFORM_KEY_LIVE", default="")
STRIPE_PLATFORM_KEY_TEST = env("STRIPE_PLATFORM_KEY_TEST", default="")
STRIPE_PREVIEW_VERSION = env("STRIPE_PREVIEW_VERSION", default="2026-04-22.preview")
STRIPE_EGRESS_ADDRESSES = env.list("STRIPE_EGRESS_ADDRESSES", default=[])
STRIPE_TIMEOUT_SECONDS = env.float("STRIPE_TIMEOUT_SECONDS", default=10.0)
STRIPE_RATE_LIVE = env.float("STRIPE_RATE_LIVE", default=100.0)
STRIPE_RATE_TEST = env.float("STRIPE_RATE_TEST", default=25.0)
STRIPE_RATE_SHARE = env.float("STRIPE_RATE_SHARE", default=0.8)
STRIPE_EVENTS_LISTED = env("STRIPE_EVENTS_LISTED", default="per_account")
RECONCILE_REQUESTS_PER_SECOND = env.float("RECONCILE_REQUESTS_PER_SECOND", default=10.0)
INSTALL_STATE_LIFETIME_SECONDS = env.int("INSTALL_STATE_LIFETIME_SECONDS", default=600)
KEY_ON_UNINSTALL = env("KEY_ON_UNINSTALL", default="remove")

# --- The vault -------------------------------------------------------------------------------------------------------
KEY_SERVICE = env("KEY_SERVICE", default="local")
KEY_SERVICE_TIMEOUT_SECONDS = env.float("KEY_SERVICE_TIMEOUT_SECONDS", default=3.0)
KEY_ENCRYPTION_KEYS = env.list("KEY_ENCRYPTION_KEYS", default=[])
FINGERPRINT_KEYS = env.list("FINGERPRINT_KEYS")
AWS_KMS_KEYS = env.list("AWS_KMS_KEYS", default=[])
AWS_KMS_ENDPOINT = env("AWS_KMS_ENDPOINT", default="")
VAULT_TRANSIT_ADDRESS = env("VAULT_TRANSIT_ADDRESS", default="").rstrip("/")
VAULT_TRANSIT_TOKEN = env("VAULT_TRANSIT_TOKEN", default="")
VAULT_TRANSIT_MOUNT = env("VAULT_TRANSIT_MOUNT", default="transit")
VAULT_TRANSIT_KEY = env("VAULT_TRANSIT_KEY", default="")
VAULT_TRANSIT_NAMESPACE = env("VAULT_TRANSIT_NAMESPACE", default="")
DELETION_LEDGER = env("DELETION_LEDGER", default="")
BACKUP_LIFETIME_DAYS = env.int("BACKUP_LIFETIME_DAYS", default=30)

# --- The life of a key -----------------------------------------------------------------------------------------------
KEY_CHECK_PERIOD_SECONDS = env.int("KEY_CHECK_PERIOD_SECONDS", default=24 * 60 * 60)
PENDING_KEY_LIFETIME_DAYS = env.int("PENDING_KEY_LIFETIME_DAYS", default=7)
KEY_CONFIRM_DEAD_AFTER_SECONDS = env.int("KEY_CONFIRM_DEAD_AFTER_SECONDS", default=60)
KEY_EXPIRY_LAG_SECONDS = env.int("KEY_EXPIRY_LAG_SECONDS", default=10)
KEY_SHORTEST_CHECK_SECONDS = env.float("KEY_SHORTEST_CHECK_SECONDS", default=3.0)
KEY_CHECK_COOLDOWN_SECONDS = env.int("KEY_CHECK_COOLDOWN_SECONDS", default=30)
KEY_EVENT_SPACING_SECONDS = env.float("KEY_EVENT_SPACING_SECONDS", default=5.0)
KEY_SWEEP_REQUESTS_PER_SECOND = env.float("KEY_SWEEP_REQUESTS_PER_SECOND", default=20.0)
KEY_BRAKE_SHARE = env.float("KEY_BRAKE_SHARE", default=0.05)
KEY_BRAKE_ACCOUNTS = env.int("KEY_BRAKE_ACCOUNTS", default=3)
KEY_BRAKE_WINDOW_SECONDS = env.int("KEY_BRAKE_WINDOW_SECONDS", default=600)
PASTE_LIMIT_PER_HOUR = env.int("PASTE_LIMIT_PER_HOUR", default=5)
PASTE_LIMIT_PER_DAY = env.int("PASTE_LIMIT_PER_DAY", default=15)
PASTE_LIMIT_PER_ADDRESS_PER_HOUR = env.int("PASTE_LIMIT_PER_ADDRESS_PER_HOUR", default=10)

# --- Keys that the app makes itself (stripe_keys/managed/) -----------------------------------------------------------
MANAGED_KEYS = env.list("MANAGED_KEYS", default=[])
MANAGED_KEY_NAME = env("MANAGED_KEY_NAME", default="partner-site")
MANAGED_KEY_ROTATION = env("MANAGED_KEY_ROTATION", default="create")
MANAGED_KEY_ROTATION_DAYS = env.int("MANAGED_KEY_ROTATION_DAYS", default=90)
MANAGED_KEY_OVERLAP_MINUTES = env.int("MANAGED_KEY_OVERLAP_MINUTES", default=60)
MANAGED_KEYS_MAY_BE_UNRESTRICTED = env.bool("MANAGED_KEYS_MAY_BE_UNRESTRICTED", default=False)
STRIPE_MANAGED_APP_OBJECT_ID = env("STRIPE_MANAGED_APP_OBJECT_ID", default="")
STRIPE_MANAGED_APP_ID = env("STRIPE_MANAGED_APP_ID", default="")
STRIPE_MANAGED_INSTALL_PATH_LIVE = env("STRIPE_MANAGED_INSTALL_PATH_LIVE", default="")
STRIPE_MANAGED_INSTALL_PATH_TEST = env("STRIPE_MANAGED_INSTALL_PATH_TEST", default="")
STRIPE_MANAGED_KEY_LIVE = env("STRIPE_MANAGED_KEY_LIVE", default="")
STRIPE_MANAGED_KEY_TEST = env("STRIPE_MANAGED_KEY_TEST", default="")

# --- Celery: a doorbell, never the queue (work/; its options: work/broker.py) -----------------------------------------
CELERY_BROKER_URL = REDIS_URL
WORKER_THREADS = env.int("WORKER_THREADS", default=64)  # most of them wait for Stripe, and hold nothing
CELERY_WORKER_CONCURRENCY = WORKER_THREADS

# --- Language, files, logs -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
LOGGING = logging_config(level=env("LOG_LEVEL", default="INFO"))

CONTENT_SECURITY_POLICY = content_security_policy(
    may_redirect_to=[STRIPE_INSTALL_BASE, STRIPE_DASHBOARD_BASE]
)
