"""The audit chain: who did what to the line, each row linked to the one before."""
