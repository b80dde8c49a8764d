"""The agent's state as Prometheus metrics."""
