"""``python -m augflow``: the command ``augflow``."""

import sys

from augflow.command.main import main

if __name__ == "__main__":
    sys.exit(main())
