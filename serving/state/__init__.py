"""What is known of a shopper, as of a position in Kafka, within a fraction of a millisecond."""
