"""What a study found, as one page that a clinician, an officer and a scientist can read."""
