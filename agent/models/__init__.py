"""Which model judges: found in the slots, opened, watched, confirmed or left again."""
