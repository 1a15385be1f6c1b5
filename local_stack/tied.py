"""`python -m local_stack.tied COMMAND…`: becomes COMMAND, told by the kernel to end when its parent ends.

supervisord starts everything through this, so that even a killed supervisor leaves nothing behind.
"""

import os
import signal
import sys

from local_stack.lifetimes import follow_parent

if __name__ == "__main__":
    follow_parent(signal.SIGTERM)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - a list, never a shell
