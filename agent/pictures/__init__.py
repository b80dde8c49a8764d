"""Pictures on disk: folders that are replayed, and the store of kept ones."""
