"""`python -m jobs.cli` is `clicklake`."""

from jobs.cli.main import main

main()
