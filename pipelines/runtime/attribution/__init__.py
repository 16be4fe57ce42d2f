"""Attribution as it runs: moments out of raw records, the book of orders in Postgres, the topic."""
