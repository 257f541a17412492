"""The consent page in a real browser: by keyboard, read aloud, on a phone by day and by night."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from api.test_authorization_server import Assistant, assistant_running
from browser import WHY_NOT, Browser, chromium
from databases import until

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

CONTRAST = """(() => {
    const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = (c) => {
        const [r, g, b] = c.match(/[\\d.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    };
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (!/rgba\\(.*, 0\\)/.test(c)) return c;
        }
        return "rgb(255, 255, 255)";
    };
    const texts = "h1,h2,p,li,a,button,label,small,.state";
    const worst = [...document.querySelectorAll(texts)].map((e) => {
        const pair = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
    });
    return Math.min(...worst);
})()"""
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
SMALLEST = """Math.min(...[...document.querySelectorAll("button")]
    .map((each) => each.getBoundingClientRect().height))"""


@pytest.fixture
async def assistant(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with assistant_running(dsn, valkey, tmp_path) as assistant:
        yield assistant


async def on_the_page(browser: Browser, assistant: Assistant, **changed: str) -> None:
    """Log in and come to the page, as a person does."""
    await browser.go(f"{assistant.bed.address}/auth/login?login_hint=ines&return_to=/livez")
    await browser.go(
        f"{assistant.metadata['authorization_endpoint']}?{urlencode(assistant.wish(**changed))}"
    )


async def test_a_student_says_yes_or_no_by_keyboard_alone(assistant: Assistant):
    found = {}
    async with chromium() as browser:
        for answer, tabs in (("Allow", 2), ("Do not allow", 3)):
            await on_the_page(browser, assistant, redirect_uri=f"{assistant.bed.address}/back")
            for _ in range(tabs):
                await browser.press("Tab")
            focused = await browser.evaluate("document.activeElement.textContent")
            ring = await browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            await browser.press("Enter")

            async def gone() -> bool:
                return await browser.evaluate("location.pathname") == "/back"

            await until(gone)
            query = await browser.evaluate("location.search")
            found[focused] = ring, "code=" in query, "error=access_denied" in query
            assert focused == answer

    assert found == {"Allow": ("solid", True, False), "Do not allow": ("solid", False, True)}


async def test_a_screen_reader_says_what_it_is_about(assistant: Assistant):
    async with chromium() as browser:
        await on_the_page(browser, assistant, scope="record:read deadlines:read")
        said = await browser.tree()

    assert said == [
        ("RootWebArea", "Connect Study Helper?"),
        ("main", ""),
        ("heading", "Connect Study Helper?"),
        ("link", "That is not you?"),
        ("list", "If you allow it, Study Helper may read:"),
        ("listitem", ""),
        ("listitem", ""),
        ("form", "Connect Study Helper?"),
        ("button", "Allow"),
        ("button", "Do not allow"),
    ]


async def test_it_can_be_read_on_a_phone_by_day_and_by_night(assistant: Assistant, tmp_path: Path):
    async with chromium() as browser:
        for dark in (False, True):
            await browser.look(dark=dark)
            await on_the_page(browser, assistant, scope="record:read inbox:read")
            whole, window = await browser.evaluate(WIDTHS)
            contrast = await browser.evaluate(CONTRAST)
            await browser.screenshot(tmp_path / f"consent-{'night' if dark else 'day'}.png")

            assert whole <= window
            assert contrast >= 4.5
            assert await browser.evaluate(SMALLEST) >= 44
