"""Keep every feature set up to date in the lake and in Postgres, until SIGTERM."""

import sys

from jobs.entry import run_job
from jobs.query_job import query_job
from pipelines.connectors.names import UPDATE_FEATURES

run = query_job(UPDATE_FEATURES, __doc__)

if __name__ == "__main__":
    sys.exit(run_job(run))
