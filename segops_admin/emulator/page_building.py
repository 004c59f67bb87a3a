"""Turns a page's title and products into copy, copy into blocks, and blocks into the three export formats. Pure.

A block is `{"type", …}`: a `hero` with title and text, a `products` list, and a `faq`. What they say is simple; that
the same page always gives the same file is what matters here.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

CONTENT_TYPES = {"html": "text/html", "tsx": "text/plain", "json": "application/json"}
MAX_SLUG = 80
_STYLE = (
    "body{font-family:sans-serif;margin:2rem auto;max-width:44rem;line-height:1.5}"
    "h1{font-size:2rem}li{margin:.5rem 0}.sku{color:#666;font-size:.85rem}"
)


def slug_for(text: str, taken: Container[str]) -> str:
    """Return a slug for a text that nobody has yet."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG].strip("-") or "page"
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def intro_copy(title: str, products: Sequence[Mapping[str, Any]]) -> str:
    """Return a page's opening words."""
    if not products:
        return f"{title}: what to look for, and where to begin."
    names = ", ".join(str(product["name"]) for product in products[:3])
    return f"{title}: what to look for, and {_counted(len(products))} to begin with, among them {names}."


def build_blocks(title: str, intro: str, products: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks of a page."""
    items = [{"sku": product["sku"], "name": product["name"], "data": product["data"]} for product in products]
    answer = ", ".join(str(product["name"]) for product in products) or "None so far."
    return [
        {"type": "hero", "title": title, "text": intro},
        {"type": "products", "items": items},
        {"type": "faq", "items": [{"question": "Which products fit?", "answer": answer}]},
    ]


def export(format_: str, page: Mapping[str, Any]) -> bytes:
    """Return a page (`slug`, `title`, `template`, `blocks`) as a file."""
    return _WRITERS[format_](page).encode()


def _counted(number: int) -> str:
    return "one product" if number == 1 else f"{number} products"


def _html(page: Mapping[str, Any]) -> str:
    body = "\n".join(_HTML_BLOCKS[block["type"]](block) for block in page["blocks"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(page['title'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _html_hero(block: Mapping[str, Any]) -> str:
    return f"<header><h1>{escape(block['title'])}</h1><p>{escape(block['text'])}</p></header>"


def _html_products(block: Mapping[str, Any]) -> str:
    items = [
        f'<li>{escape(item["name"])} <span class="sku">{escape(item["sku"])}</span></li>' for item in block["items"]
    ]
    return f"<section><ul>{''.join(items)}</ul></section>"


def _html_faq(block: Mapping[str, Any]) -> str:
    items = [f"<dt>{escape(item['question'])}</dt><dd>{escape(item['answer'])}</dd>" for item in block["items"]]
    return f"<section><dl>{''.join(items)}</dl></section>"


def _json(page: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(page), option=orjson.OPT_INDENT_2).decode() + "\n"


def _tsx(page: Mapping[str, Any]) -> str:
    """Write a component whose texts are JSON, which is valid TypeScript whatever they contain."""
    hero, products, faq = (orjson.dumps(block).decode() for block in page["blocks"])
    return f"""const hero = {hero};
const products = {products};
const faq = {faq};

export default function Page() {{
  return (
    <main>
      <h1>{{hero.title}}</h1>
      <p>{{hero.text}}</p>
      <ul>{{products.items.map((item) => <li key={{item.sku}}>{{item.name}}</li>)}}</ul>
      <dl>
        {{faq.items.map((item) => (
          <div key={{item.question}}><dt>{{item.question}}</dt><dd>{{item.answer}}</dd></div>
        ))}}
      </dl>
    </main>
  );
}}
"""


_HTML_BLOCKS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "hero": _html_hero,
    "products": _html_products,
    "faq": _html_faq,
}
_WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {"html": _html, "json": _json, "tsx": _tsx}
