"""Entry points: thin jobs for spark-submit and `clicklake run`, and the command line."""
