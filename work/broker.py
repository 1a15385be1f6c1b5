"""How to talk to the broker: a worker may wait for it, whoever rings a bell may not."""

import socket
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

# Bells are of one kind, and each may ring twice: a worker takes one at a time, and gives it back when it dies.
OPTIONS: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "result_backend": None,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_publish_retry": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_soft_shutdown_timeout": 20,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "task_default_queue": "bells",
    "worker_pool": "threads",
}

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
    """Give `app` the options of a doorbell, a publisher's now, and a worker's when this process turns out to be one."""
    app.conf.update(OPTIONS)
    app.conf.broker_transport_options = dict(PUBLISHER_OPTIONS)
    celeryd_init.connect(_on_worker_init, weak=False, dispatch_uid="work.broker")


def become_worker(conf: Any) -> None:
    """Give the configuration of a worker's application a worker's options; before it first connects."""
    conf.broker_transport_options = dict(WORKER_OPTIONS)


def _on_worker_init(*, conf: Any, **_: object) -> None:
    become_worker(conf)
