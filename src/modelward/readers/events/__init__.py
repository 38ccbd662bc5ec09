"""Clinical stores whose records are events: OMOP, FHIR, MEDS, tables of events."""
