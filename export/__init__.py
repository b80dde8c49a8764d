"""A run becomes a bundle: calibrated, quantized, held against its float model, packed."""
