"""The demonstration: a simulated line through the real service."""
