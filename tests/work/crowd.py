"""Others at work in the same process."""

import threading
from datetime import timedelta

from work.company import Company

LEASE = timedelta(seconds=30)


def in_thread(company: Company, order: list[str]) -> threading.Thread:
    """Somebody who works beside others and writes that down."""

    def work() -> None:
        with company.beside_others(LEASE):
            order.append("beside others")

    thread = threading.Thread(target=work)
    thread.start()
    return thread
