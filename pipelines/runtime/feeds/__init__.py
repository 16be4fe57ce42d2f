"""What sends records into Kafka: the simulated shop and replayed files, at their pace."""
