"""Gate drivers, one file each, and the controller's protocol."""
