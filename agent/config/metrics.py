"""The section [metrics]: the port on which Prometheus reads how the line is doing."""

from __future__ import annotations

from ipaddress import IPv4Address

from pydantic import Field, field_validator

from agent.config.base import Section


class Metrics(Section):
    """Where Prometheus may read the figures of `state`; nobody is asked who they are."""

    port: int = Field(0, ge=0, le=65535, description="Port of the metrics; 0: none is opened.")
    address: str = Field(
        "127.0.0.1", description="IPv4 address to listen on; 0.0.0.0: whole network may read."
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        try:
            IPv4Address(address)
        except ValueError as error:
            raise ValueError("no IPv4 address of an interface, as 127.0.0.1") from error
        return address
