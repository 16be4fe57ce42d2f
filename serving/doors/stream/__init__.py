"""Kafka's loop: events that ask for a decision in, decisions out; shared by replicas, none decided twice."""
