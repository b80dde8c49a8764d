"""Sub-commands of `linewarden` that need no package of their own."""
