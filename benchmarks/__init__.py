"""Measurements of the chatbot, each one command, and each against something else in the same run."""
