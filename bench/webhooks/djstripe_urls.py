"""The site's addresses and dj-stripe's."""

from django.urls import include, path

from partner_site.urls import handler400, handler500
from partner_site.urls import urlpatterns as those_of_the_site

__all__ = ["handler400", "handler500", "urlpatterns"]
urlpatterns = [path("bench/djstripe/", include("djstripe.urls", namespace="djstripe")), *those_of_the_site]
