"""Structural pruning: which channels go, by what they cost and what they are worth."""
