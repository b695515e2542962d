"""Serving gRPC: the server, and what surrounds every call."""
