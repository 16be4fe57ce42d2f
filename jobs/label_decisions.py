"""Label each problem's decisions in the lake as soon as their outcome is final, until SIGTERM."""

import sys

from jobs.entry import run_job
from jobs.query_job import query_job
from pipelines.connectors.names import LABEL_DECISIONS

run = query_job(LABEL_DECISIONS, __doc__)

if __name__ == "__main__":
    sys.exit(run_job(run))
