"""The contract between export and agent: manifest, frame preparation, policy, archive."""
