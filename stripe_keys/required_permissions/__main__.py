"""`python -m stripe_keys.required_permissions PATH…`: for CI; needs neither settings, a database nor any package."""

import sys
from argparse import ArgumentParser

from stripe_keys.manifest import ManifestError
from stripe_keys.required_permissions import command


def main() -> int:
    """Read, compare, print."""
    parser = ArgumentParser("python -m stripe_keys.required_permissions", description=command.HELP)
    command.add_arguments(parser)
    try:
        status, said = command.answer(**vars(parser.parse_args()))
    except ManifestError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{said}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
