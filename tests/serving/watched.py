"""A browser's page under watch."""

from playwright.sync_api import Browser, Page, expect

# Longer than the page takes to call its figures stale.
expect.set_options(timeout=15_000)


class Watched:
    """A page, and everything it asked for and complained of."""

    def __init__(self, browser: Browser, *, width: int = 1280, scheme="dark") -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(15_000)
