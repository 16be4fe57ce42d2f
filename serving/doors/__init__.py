"""The two doors of the scorer: Kafka's loop and HTTP, and the log of decisions that both write."""
