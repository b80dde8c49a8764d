"""The terminal wizard that writes a device's configuration."""
