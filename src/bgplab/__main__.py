"""`python -m bgplab` is the command `bgplab`."""

import sys

from bgplab.cli.main import main

sys.exit(main())
