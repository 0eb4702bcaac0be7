"""`rag-faq doctor`: what this machine is, whether all is whole and fits together, and how fast it is here."""
