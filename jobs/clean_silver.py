"""Parse and validate bronze records into silver rows and dead letters, until SIGTERM."""

import sys

from jobs.entry import run_job
from jobs.query_job import query_job
from pipelines.connectors.names import CLEAN_SILVER

run = query_job(CLEAN_SILVER, __doc__)

if __name__ == "__main__":
    sys.exit(run_job(run))
