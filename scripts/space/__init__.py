"""What a Hugging Face Space of this repository is made from, and the proof that it starts."""
