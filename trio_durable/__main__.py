"""`python -m trio_durable`."""

import sys

from trio_durable._cli import main

sys.exit(main())
