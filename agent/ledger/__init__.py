"""The ledger: one row for every part, durable before it is told."""
