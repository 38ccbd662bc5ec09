"""The facts of a run that a report repeats: who took part, what it cost, what was seen."""
