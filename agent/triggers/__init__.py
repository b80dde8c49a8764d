"""What says that a part is there, one file each: for gates without a photo-eye of their own."""
