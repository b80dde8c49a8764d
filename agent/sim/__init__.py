"""A simulated line: drawn castings, a belt, a gate controller on a pty."""
