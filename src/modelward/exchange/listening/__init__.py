"""What an institution makes of all that it was given: voices, judgements, a choice, answers."""
