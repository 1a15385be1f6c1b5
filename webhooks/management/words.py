"""Moments and words on a command line, refused with a sentence where the database could not be asked with them."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

from django.utils import timezone

from stripe_keys.gateway.app_answers import EARLIEST, LATEST


def moment(text: str) -> datetime:
    """An argparse type: a moment from 2010 on and before 2100, in UTC."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a moment such as 2026-11-21T08:00Z, please.") from None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    if not EARLIEST <= told < LATEST:
        raise ArgumentTypeError("a moment from 2010 on and before 2100, please.")
    return told.astimezone(UTC)


def past_moment(text: str) -> datetime:
    """An argparse type: a moment from 2010 on that has been, in UTC."""
    told = moment(text)
    if told > timezone.now():
        raise ArgumentTypeError("a moment that has been, please; this one is in the future.")
    return told


def word(text: str) -> str:
    """An argparse type: a text that is one, and not bytes that no terminal understood."""
    if not text.isprintable():
        raise ArgumentTypeError("plain text, please: there is something in it that cannot be read.")
    return text
