"""Runs beside one another and beside the paper: tables, charts, one page."""
