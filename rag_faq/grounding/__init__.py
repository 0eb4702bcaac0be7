"""Which source supports which sentence of an answer."""
