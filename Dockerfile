# The site's image (target `site`, the default) and one with the local Stripe and the mail catcher added (target `demo`).

FROM python:3.11-slim AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements/base.txt requirements/key-services.txt /requirements/
# `--build-arg REQUIREMENTS=key-services` adds the libraries for KEY_SERVICE=aws-kms and vault-transit.
ARG REQUIREMENTS=base
RUN /venv/bin/pip install --require-hashes -r "/requirements/$REQUIREMENTS.txt"

FROM packages AS demo-packages
COPY requirements/demo.txt /requirements/demo.txt
RUN /venv/bin/pip install --require-hashes -r /requirements/demo.txt

FROM python:3.11-slim AS code
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    WEB_BIND=0.0.0.0:8000 STATIC_ROOT=/srv/staticfiles
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin site \
    && install --directory --owner site --group site --mode 0700 /ledger
WORKDIR /srv/site
COPY manage.py ./
COPY accounts accounts
COPY partner_site partner_site
COPY stripe_keys stripe_keys
COPY webhooks webhooks
COPY work work
COPY templates templates
COPY stripe_app/stripe-app.json stripe_app/stripe-app.json
COPY stripe_app/purposes stripe_app/purposes

FROM code AS demo
COPY --from=demo-packages /venv /venv
COPY stripe_simulator stripe_simulator
COPY local_stack local_stack
USER site

FROM code AS site
COPY --from=packages /venv /venv
# Collecting files reads the settings but no secret; these values exist during this one command only.
RUN SECRET_KEY=building SITE_URL=https://localhost DATABASE_URL=postgres:///none REDIS_URL=redis:// EMAIL_URL=smtp:// \
    STRIPE_APP_ID=none KEY_ENCRYPTION_KEYS= FINGERPRINT_KEYS= python manage.py collectstatic --no-input
USER site
EXPOSE 8000
CMD ["gunicorn", "-c", "partner_site/gunicorn.py", "partner_site.wsgi"]
