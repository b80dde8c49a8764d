"""What is said of a valid configuration before the line starts, on the device it is for."""
