"""Whether a site's data fit a study, found before anything is contacted."""
