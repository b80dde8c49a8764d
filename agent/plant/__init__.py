"""What the plant is told: topics, bodies, and who fills them in."""
