"""`linewarden doctor`: what is wrong on this device, and what to type next."""
