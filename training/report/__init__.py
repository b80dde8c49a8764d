"""An evaluation as a page: tables, warnings, and what the model looked at."""
