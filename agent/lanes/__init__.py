"""The agent's named threads, joined by mailboxes."""
