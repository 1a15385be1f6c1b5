"""How gunicorn serves the site: `gunicorn -c partner_site/gunicorn.py partner_site.wsgi`.

WEB_BIND (host:port or unix:path), WEB_WORKERS and WEB_THREADS may differ from machine to machine; the rest is the same
everywhere. `.env.example` explains them.
"""

import os

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
# As gthread, but what it refuses by itself it does not quote.
worker_class = "partner_site.web_worker.QuietWorker"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))

# Whoever asks a page, or delivers an event, is better off with a 503 than behind a lock. Workers and commands wait.
os.environ.setdefault("DATABASE_LOCK_WAIT", "1500ms")

# A thread waits for the database for some seconds at most, so half a minute means that a worker is stuck.
timeout = 30
graceful_timeout = 10
keepalive = 5

# Stripe's longest header is a signature; a browser's is its cookies. Both fit many times over.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190

# No proxy tells us where the site is mounted, or that another path was meant; gunicorn would believe whoever is local.
forwarder_headers = ""

# The path alone: a query string may hold a one-time state or an install signature. No user agent, no referrer either.
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(B)s bytes %(M)s ms"
errorlog = "-"
loglevel = "info"

# In memory where that is possible: a full disk must not make a healthy worker look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112

# It would lie in the home directory, where this process need not be able to write, and nobody here gives it commands.
control_socket_disable = True
