"""Sending: from a request to the answer that Kafka has acknowledged, and the limits on the way."""
