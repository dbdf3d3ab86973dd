"""Refuses a site that loads anything from another host.

Links for a reader to follow may go anywhere. What a browser fetches by itself, which is
scripts, style sheets, fonts, pictures and frames, must be in the site.

    python docs/check.py docs/_build/html
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

ELSEWHERE = re.compile(r"\s*(?:https?:|ftp:|wss?:)?//", re.IGNORECASE)
# What is fetched by a style sheet, and by a script that names it outright.
IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)['\"]?([^'\")\s;]+)", re.IGNORECASE)
IN_SCRIPT = re.compile(
    r"(?:\b(?:import|importScripts|fetch|Worker|getScript)\s*\(\s*"
    r"|\bfrom\s*|\bimport\s*|\.(?:src|href)\s*=\s*)['\"`]([^'\"`\s]+)"
)
# Attributes that make a browser fetch, on any element; `href` only on some.
FETCHING = {"src", "srcset", "poster", "data", "background", "xlink:href"}
# Of the relations of a <link> these fetch nothing.
INERT = {"canonical", "alternate", "author", "next", "prev", "index", "search"}


class Page(HTMLParser):
    """Collects what a page makes a browser fetch.

    Args:
        text: The page's HTML.
    """

    def __init__(self, text):
        super().__init__()
        self.fetched, self.inside = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Looks at an element's attributes."""
        values = {name: value or "" for name, value in attributes}
        for name in FETCHING & set(values):
            parts = values[name].split(",") if name == "srcset" else [values[name]]
            self.fetched += parts
        relations = set(values.get("rel", "").lower().split())
        if tag in ("image", "use", "base") or (tag == "link" and relations - INERT):
            self.fetched.append(values.get("href", ""))
        self.fetched += IN_STYLE.findall(values.get("style", ""))
        self.inside = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        """Leaves an element."""
        self.inside = None

    def handle_data(self, text):
        """Looks at a script or a style sheet within the page."""
        if self.inside:
            pattern = {"script": IN_SCRIPT, "style": IN_STYLE}[self.inside]
            self.fetched += pattern.findall(text)


def fetched(path):
    """Returns what a file of the site makes a browser fetch."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".html", ".svg"):
        return Page(text).fetched
    return (IN_STYLE if path.suffix == ".css" else IN_SCRIPT).findall(text)


def main(site):
    """Prints each thing that is fetched from another host.

    Args:
        site: Folder of the built site.

    Returns:
        How many there are, or 1 if there is no site.
    """
    files = [
        path
        for path in sorted(Path(site).rglob("*"))
        if path.suffix in (".html", ".css", ".js", ".mjs", ".svg")
    ]
    found = [
        f"{path}: fetches {what}"
        for path in files
        for what in fetched(path)
        if ELSEWHERE.match(what)
    ]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(files)} files fetch {len(found)} things from other hosts")
    return len(found) if files else 1


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
