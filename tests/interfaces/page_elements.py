"""The markup of the page, taken apart."""

from html.parser import HTMLParser


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:  # type: ignore[no-untyped-def]
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str, css: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.found if t == tag and css in (a.get("class") or "").split()]
