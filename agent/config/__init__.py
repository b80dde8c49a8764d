"""The configuration: a typed section for every table of `agent.toml`."""
