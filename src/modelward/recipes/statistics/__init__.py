"""What statisticians fit from sums over sites: tables, GLM, Cox, Kaplan-Meier, ComBat."""
