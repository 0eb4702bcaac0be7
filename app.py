"""Entry for `python app.py`, and for a Hugging Face Space, which must be reachable from outside its container."""

import os

from rag_faq.interfaces.serve import serve
from rag_faq.settings import Settings

if __name__ == "__main__":
    serve(Settings.load(host="0.0.0.0" if os.environ.get("SPACE_ID") else None))
