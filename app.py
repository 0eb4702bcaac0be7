"""Entry for a Hugging Face Space and for other hosts that run `python app.py`."""

from rag_faq.interfaces.space import main

if __name__ == "__main__":
    main()
