"""``python -m leximind COMMAND``."""

import sys

from leximind.cli import main

if __name__ == "__main__":
    sys.exit(main())
