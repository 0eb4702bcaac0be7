"""The HTTP doors: our own (`/v1/query` …), the one that OpenAI clients know, health and metrics, and the page."""
