"""What the line as a whole is set to, and how a named person changes it."""
