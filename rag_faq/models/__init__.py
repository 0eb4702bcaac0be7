"""Which weights exist, where they come from, fetching and verifying them."""
