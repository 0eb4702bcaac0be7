"""The dialog that lists the keys."""

from __future__ import annotations

from rag_faq.interfaces.page.markup import plain
from rag_faq.interfaces.page.texts import Texts

# Keys, by what the script listens for, and what they do. A name of the catalogue begins with "key_".
KEYS = (
    (("key_enter",), "shortcut_ask"),
    (("key_shift_enter",), "shortcut_newline"),
    (("/",), "shortcut_box"),
    (("key_escape",), "shortcut_stop"),
    (("n",), "shortcut_new"),
    (("c",), "shortcut_conversations"),
    (("1", "2", "3", "4"), "shortcut_tabs"),
    (("?",), "shortcut_help"),
)


def shortcuts_dialog(texts: Texts) -> str:
    """The page opens it on `?`; it closes by itself on Esc."""
    rows = "".join(
        f"<div><dt>{' '.join(_key(key, texts) for key in keys)}</dt><dd>{plain(texts(what))}</dd></div>"
        for keys, what in KEYS
    )
    return (
        '<dialog id="shortcuts" aria-labelledby="shortcuts-heading"><div class="dialog-head">'
        f'<h2 id="shortcuts-heading">{plain(texts("shortcuts"))}</h2>'
        f'<button type="button" data-close>{plain(texts("close"))}</button></div><dl class="keys">{rows}</dl></dialog>'
    )


def _key(key: str, texts: Texts) -> str:
    return f"<kbd>{plain(texts(key) if key.startswith('key_') else key)}</kbd>"
