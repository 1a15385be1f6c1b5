"""Where everything is mounted. What a stranger may open is listed in tests/accounts/test_default_deny.py."""

from django.contrib import admin
from django.urls import include, path

from partner_site import metrics, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("stripe/", include("stripe_keys.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("ops/", admin.site.urls),
]

handler400 = "partner_site.errors.bad_request"  # 413 when too much is sent
handler500 = "partner_site.errors.server_error"  # 503 while the database is away
