"""Tables with one row per unit: CSV and Parquet, from text to values."""
