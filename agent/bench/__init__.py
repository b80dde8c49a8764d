"""`linewarden bench`: what bundles cost on this machine."""
