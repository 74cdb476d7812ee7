"""`python -m tests.peers [name ...]`: make the environments of the peers."""

from __future__ import annotations

import sys

from tests.peers import main

sys.exit(main(sys.argv[1:]))
