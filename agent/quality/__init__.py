"""Frames that cannot be judged, and why."""
