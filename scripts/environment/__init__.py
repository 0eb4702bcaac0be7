"""Makes `.venv`: finds out what the machine has, says what it lacks, and installs what `constraints.txt` pins."""
