"""The web process: refuses unsafe settings, then serves."""

import os

from django.core.wsgi import get_wsgi_application

from partner_site.middleware import keys_only_in_bodies, patient_with_counting, read_as_utf8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partner_site.settings")
application = patient_with_counting(keys_only_in_bodies(read_as_utf8(get_wsgi_application())))

from partner_site.startup import prepare_process  # noqa: E402  # needs Django to be set up

prepare_process()
