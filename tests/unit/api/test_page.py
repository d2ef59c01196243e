"""The live page's files: what is sent, with which rules, and that they are whole and small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pedidos_orchestrator.page as page
from pedidos_orchestrator.page import DOCUMENT, FILES, FOLDER, PATHS
from tests.unit.api.world import Client, World

LARGEST_PAGE_BYTES = 120_000  # as docs/live-page.md says
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SOURCES = Path(page.__file__).parent
LEAST_CONTRAST = 4.5
# text on ground, as the style sheets put them
TEXTS = [
    ("text", "card"),
    ("text", "sunken"),
    ("text", "ground"),
    ("muted", "card"),
    ("muted", "sunken"),
    ("muted", "ground"),
    ("accent", "card"),
    ("on-accent", "accent"),
    ("vip", "sunken"),
    ("normal", "sunken"),
    ("good", "good-ground"),
    ("good", "ground"),
    ("warn", "warn-ground"),
    ("warn", "sunken"),
    ("bad", "bad-ground"),
    ("bad", "card"),
    ("bad", "sunken"),
    ("bad", "ground"),
    ("card", "bad"),
]


# what has to be told apart without reading
LEAST_SHAPE_CONTRAST = 3.0
SHAPES = [
    *((bar, "line") for bar in ("in", "vip", "normal", "accent", "bad")),
    ("edge", "card"),
    ("edge", "sunken"),
    ("accent", "sunken"),
    ("vip", "card"),
    ("normal", "card"),
]


class Seen(HTMLParser):
    """What a document holds and refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.attributes: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        for name, value in attrs:
            self.attributes.append(name)
            if name in {"src", "href"} and value and not value.startswith("#"):
                self.addresses.append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_data(self, data: str) -> None:
        if self._inside in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def text_of(name: str) -> str:
    return (SOURCES / name).read_text("utf-8")


def scripts() -> list[str]:
    return [name for name in FILES if name.endswith(".js")]


async def test_the_document_comes_with_a_strict_policy(client: Client) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPES[".html"])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", FILES)
async def test_each_file_has_its_type(client: Client, name: str) -> None:
    answer = await client.get(FOLDER + name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TYPES[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == (SOURCES / name).read_bytes()


async def test_a_browser_asks_again_and_is_told_that_nothing_changed(client: Client) -> None:
    first = await client.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}'):
        again = await client.get("/page/main.js", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    changed = await client.get("/page/main.js", headers={"if-none-match": '"other"'})
    assert changed.status_code == 200


async def test_the_page_can_be_looked_up_without_its_content(client: Client) -> None:
    assert (await client.head("/")).status_code == 200


async def test_the_whole_page_is_small(client: Client) -> None:
    sizes = [len((await client.get(path)).content) for path in sorted(PATHS - {"/"})]
    assert sum(sizes) < LARGEST_PAGE_BYTES


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2fapp.py", "%2e%2e/app.py"])
async def test_nothing_else_is_sent(client: Client, name: str) -> None:
    answer = await client.get(FOLDER + name)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_page_needs_no_key_and_shows_nothing_without_it(world: World) -> None:
    async with world.client_of(world.app(api_key="correct horse")) as client:
        assert {(await client.get(path)).status_code for path in PATHS} == {200}
        assert (await client.get(FOLDER)).status_code == 401
        assert (await client.get("/pedidos")).status_code == 401


def test_the_package_holds_the_files_that_are_sent_and_no_others() -> None:
    found = {path.name for path in SOURCES.iterdir() if path.suffix not in {".py", ".pyc", ""}}
    assert found == set(FILES)


def test_the_document_refers_to_its_own_files_and_has_no_code_inside() -> None:
    seen = Seen(text_of(DOCUMENT))
    assert {f"/{address}" for address in seen.addresses} - PATHS == {"/docs"}
    assert not seen.inline
    assert not [name for name in seen.attributes if name == "style" or name.startswith("on")]
    assert len(seen.ids) == len(set(seen.ids))


@pytest.mark.parametrize("name", scripts())
def test_a_script_imports_and_finds_only_what_is_there(name: str) -> None:
    text, ids = text_of(name), set(Seen(text_of(DOCUMENT)).ids)
    assert set(re.findall(r'from "\./(.*?)"', text)) <= set(FILES)
    assert set(re.findall(r'\bby\("(.*?)"\)', text)) <= ids


def test_nothing_comes_from_elsewhere() -> None:
    for name in FILES:
        assert set(re.findall(r"https?://[^\"'\s]+", text_of(name))) <= {
            "http://www.w3.org/2000/svg"
        }


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(scheme: str, pair: tuple[str, str]) -> float:
    found = re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text_of("base.css"))
    names = len(found) // 2
    colours = dict(found[:names] if scheme == "light" else found[names:])
    lighter, darker = sorted((luminance(colours[name]) for name in pair), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("pair", TEXTS, ids="-on-".join)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(scheme: str, pair: tuple[str, str]) -> None:
    """Contrast as WCAG 2.2 has it (1.4.3, level AA)."""
    assert contrast(scheme, pair) >= LEAST_CONTRAST


@pytest.mark.parametrize("pair", SHAPES, ids="-on-".join)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_and_borders_stand_out(scheme: str, pair: tuple[str, str]) -> None:
    """As WCAG 2.2 has it (1.4.11, level AA)."""
    assert contrast(scheme, pair) >= LEAST_SHAPE_CONTRAST
