"""A chatbot that answers from a FAQ document, every sentence traced to its source."""
