"""From a study file to the tasks, shapes and model of a study."""
