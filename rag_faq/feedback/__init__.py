"""What people asked and thought of the answers, kept on this machine, and what the FAQ lacks in view of it."""
