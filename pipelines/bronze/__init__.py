"""Raw Kafka records, byte for byte."""
