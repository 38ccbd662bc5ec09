"""Logistic regression, on columns of a table or on fixed features of images."""
