"""What is in a folder of pictures: copies, parts, leaks, oddities, and a split by whole parts."""
