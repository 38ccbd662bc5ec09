"""One model on one set of units: figures, intervals, and how resampling is made fast."""
