"""Numbers on a command line."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole_number(*, least: int, most: int) -> Callable[[str], int]:
    """An argparse type: a whole number between `least` and `most`, both included."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:  # no number, or one of thousands of digits
            number = least - 1
        if not least <= number <= most:
            raise ArgumentTypeError(f"a whole number from {least} to {most}, please.")
        return number

    return read
