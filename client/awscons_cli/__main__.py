"""`python -m awscons_cli`, and the first thing that runs in the zipapp."""

import sys

from awscons_cli.program import main

sys.exit(main(sys.argv[1:]))
