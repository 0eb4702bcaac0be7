"""From documents to FAQ entries and chunks."""
