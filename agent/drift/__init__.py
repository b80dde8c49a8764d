"""Whether the line still looks as it did: drift of figures, trend of the reject rate."""
