"""How to talk to the broker: a worker may wait for it, whoever rings a bell may not."""

import socket
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

# Measured on a prototype with a dead or frozen broker: with Celery's own options a publisher waits for ever.
PUBLISHER_OPTIONS: dict[str, Any] = {
    "socket_timeout": 0.3,
    "socket_connect_timeout": 0.2,
    "retry_on_timeout": False,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}

# A worker that times out while it acknowledges never consumes again; so it has no socket time-out and a health check.
WORKER_OPTIONS: dict[str, Any] = {
    "socket_timeout": None,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "socket_keepalive_options": {
        socket.TCP_KEEPIDLE: 5,
        socket.TCP_KEEPINTVL: 2,
        socket.TCP_KEEPCNT: 3,
    },
    "health_check_interval": 5,
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}


def configure(app: Celery) -> None:
    """Give `app` a publisher's options now, and a worker's when this process turns out to be a worker."""
    app.conf.broker_transport_options = dict(PUBLISHER_OPTIONS)
    celeryd_init.connect(_on_worker_init, weak=False, dispatch_uid="work.broker")


def become_worker(conf: Any) -> None:
    """Give the configuration of a worker's application a worker's options; before it first connects."""
    conf.broker_transport_options = dict(WORKER_OPTIONS)


def _on_worker_init(*, conf: Any, **_: object) -> None:
    become_worker(conf)
