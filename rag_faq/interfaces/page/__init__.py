"""The web page: what it shows, apart from the framework that serves it."""
