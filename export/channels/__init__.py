"""Which channels of a network belong together: found by walking its layers."""
