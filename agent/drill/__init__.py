"""Firing the gate once, and proving its fail-safe wiring with a technician."""
