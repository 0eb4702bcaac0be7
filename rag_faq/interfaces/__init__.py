"""The doors: command line, page, HTTP. No logic of the answer lives here."""
