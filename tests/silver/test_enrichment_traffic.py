"""Golden table: what page_url, referrer_url and the sent fields say, worked out by hand."""

from typing import NamedTuple

import pytest

from pipelines.silver.enrichment import TrafficRules
from pipelines.silver.enrichment.traffic import Origin
from tests.silver.derived import SHIPPED, SHOP, derived


class Says(NamedTuple):
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    rule: str | None = None


NOTHING = Says()


def traffic(rules=SHIPPED, **fields) -> Says:
    row = derived(rules, **fields)
    return Says(*(row[f"traffic_{name}"] for name in Says._fields))


def utm(source=None, medium=None, campaign=None) -> Says:
    return Says(source, medium, campaign, "utm")


def click(source, medium) -> Says:
    return Says(source, medium, None, "click_id")


def seen(source, medium) -> Says:
    return Says(source, medium, None, "referrer")


PAGES = {
    "utm_source=news&utm_medium=email&utm_campaign=may": utm("news", "email", "may"),
    "a=1&utm_campaign=may&b=2": utm(None, None, "may"),
    "utm_source=%C3%A9t%C3%A9&utm_campaign=big+sale%21": utm("été", None, "big sale!"),
    "utm_source=%20%20&utm_medium=+email+": utm(None, "email"),
    "utm_source=&utm_medium=": NOTHING,
    "utm_source": NOTHING,
    "UTM_Source=News": utm("News"),
    "utm%5Fsource=news": utm("news"),
    "utm_source=first&utm_source=second": utm("first"),
    "utm_source=&utm_source=second": utm("second"),
    "utm_source=a=b": utm("a=b"),
    "utm_source=%ff%00": utm("\ufffd\ufffd"),
    "utm_term=shoes&utm_content=top&utm_id=7": NOTHING,
    "my_utm_source=x&q=utm_source": NOTHING,
    "gclid=abc": click("google", "cpc"),
    "GCLID=abc": click("google", "cpc"),
    "gbraid=a": click("google", "cpc"),
    "wbraid=a": click("google", "cpc"),
    "dclid=a": click("google", "display"),
    "msclkid=a": click("bing", "cpc"),
    "yclid=a": click("yandex", "cpc"),
    "fbclid=a": click("facebook", "social"),
    "ttclid=a": click("tiktok", "paid_social"),
    "twclid=a": click("twitter", "paid_social"),
    "li_fat_id=a": click("linkedin", "paid_social"),
    "ScCid=a": click("snapchat", "paid_social"),
    "mc_cid=a": click("mailchimp", "email"),
    "fbclid=a&gclid=b": click("google", "cpc"),
    "gclid=": NOTHING,
    "gclid=a&utm_source=partner": utm("partner", "cpc"),
    "gclid=a&utm_source=partner&utm_medium=banner": utm("partner", "banner"),
    "gclid=a&utm_campaign=may": utm("google", "cpc", "may"),
    "": NOTHING,
    "&&==&%&%zz=1": NOTHING,
}


@pytest.mark.parametrize(("query", "expected"), PAGES.items())
def test_what_the_query_of_a_page_says(query, expected):
    assert traffic(page_url=f"{SHOP}/p/1?{query}#part") == expected
    assert traffic(page_url=f"?{query}") == expected


REFERRERS = {
    "https://www.google.com/": seen("google", "organic"),
    "https://www.google.co.uk/search?q=shoes": seen("google", "organic"),
    "http://google.de:80": seen("google", "organic"),
    "https://google.evil.example/": seen("google.evil.example", "referral"),
    "https://notgoogle.com/": seen("notgoogle.com", "referral"),
    "https://google.com.attacker.example/": seen("google.com.attacker.example", "referral"),
    "https://docs.google.com/d/1": seen("docs.google.com", "referral"),
    "https://mail.google.com/mail/u/0/": seen("gmail", "email"),
    "https://gemini.google.com/app": seen("gemini", "ai"),
    "https://uk.search.yahoo.com/": seen("yahoo", "organic"),
    "https://search.yahoo.co.jp/search": seen("yahoo", "organic"),
    "https://mail.yahoo.com/": seen("yahoo-mail", "email"),
    "https://yandex.ru/": seen("yandex", "organic"),
    "https://duckduckgo.com/": seen("duckduckgo", "organic"),
    "https://www.bing.com/": seen("bing", "organic"),
    "https://l.facebook.com/l.php?u=x": seen("facebook", "social"),
    "https://M.Facebook.com/": seen("facebook", "social"),
    "https://t.co/abc": seen("twitter", "social"),
    "https://old.reddit.com/r/x": seen("reddit", "social"),
    "https://www.pinterest.de/pin/1": seen("pinterest", "social"),
    "https://www.youtube.com/watch?v=1": seen("youtube", "video"),
    "https://youtu.be/1": seen("youtube", "video"),
    "https://chatgpt.com/": seen("chatgpt", "ai"),
    "https://www.perplexity.ai/search": seen("perplexity", "ai"),
    "https://claude.ai/chat/1": seen("claude", "ai"),
    "https://blog.some.example/post": seen("blog.some.example", "referral"),
    "https://www.blog.example/post": seen("blog.example", "referral"),
    "blog.example/post": seen("blog.example", "referral"),
    "blog.example": seen("blog.example", "referral"),
    "//blog.example/post": seen("blog.example", "referral"),
    "http://user:word@blog.example:8080/": seen("blog.example", "referral"),
    "https://xn--mnchen-3ya.example/": seen("münchen.example", "referral"),
    "https://MÜNCHEN.example/": seen("münchen.example", "referral"),
    "http://192.168.7.9/x": seen("192.168.7.9", "referral"),
    "http://[2001:db8::1]:80/x": seen("2001:db8::1", "referral"),
    "http://intranet/": seen("intranet", "referral"),
    "android-app://com.google.android.gm/": seen("gmail", "email"),
    "android-app://com.google.android.googlequicksearchbox": seen("google", "organic"),
    "android-app://com.some.game/https/x": seen("com.some.game", "referral"),
    "android-app://com.evil.google.com/": seen("com.evil.google.com", "referral"),
    "https://www.paypal.com/checkoutnow": NOTHING,
    "https://accounts.google.com/": NOTHING,
    "https://shop.example/cart": NOTHING,
    "https://www.shop.example/": NOTHING,
    "https://pay.shop.example/": NOTHING,
    "http://SHOP.example.:8080/": NOTHING,
    "shop.example/p/2": NOTHING,
    "/p/2": NOTHING,
    "about:blank": NOTHING,
    "chrome-extension://abcdefgh/page.html": NOTHING,
    "file:///C:/saved.html": NOTHING,
    "mailto:someone@blog.example": NOTHING,
    "http://[bad/": NOTHING,
    "http:///": NOTHING,
    "http://": NOTHING,
    "http://two words.example/": NOTHING,
    "direct": NOTHING,
    "  ": NOTHING,
}


@pytest.mark.parametrize(("referrer", "expected"), REFERRERS.items())
def test_what_a_referrer_says_of_a_visit_to_the_shop(referrer, expected):
    assert traffic(page_url=f"{SHOP}/p/1", referrer_url=referrer) == expected


@pytest.mark.parametrize(
    ("page", "referrer", "same"),
    [
        ("https://checkout.shop.co.uk/", "https://www.shop.co.uk/", True),
        ("https://checkout.shop.co.uk/", "https://help.shop.co.uk/", True),
        ("https://shop.co.uk/", "https://other.co.uk/", False),
        ("https://alice.github.io/", "https://bob.github.io/", False),
        ("https://github.io/", "https://gitlab.io/", False),
        ("https://myshop.example/", "https://shop.example/", False),
        ("http://10.0.0.1/", "http://10.0.0.1:8080/", True),
        ("http://10.0.0.1/", "http://11.0.0.1/", False),
        ("http://localhost:3000/", "http://localhost:4000/", True),
        ("https://xn--mnchen-3ya.example/", "https://shop.münchen.example/", True),
        ("shop.example/p", "https://shop.example/", True),
        ("/p", "https://shop.example/", False),
        (None, "https://shop.example/", False),
    ],
)
def test_a_referrer_of_the_same_site_says_nothing(page, referrer, same):
    assert (traffic(page_url=page, referrer_url=referrer) == NOTHING) is same


def test_what_was_sent_comes_first_then_utm_then_click_ids_then_the_referrer():
    fields = {"source": " Partner ", "medium": "", "campaign": None, "referrer_url": "https://bing.com/"}
    tagged = {"page_url": f"{SHOP}/?utm_source=news&gclid=1"}
    clicked = {"page_url": f"{SHOP}/?gclid=1"}
    assert traffic(**fields, **tagged) == Says("Partner", None, None, "sent")
    assert traffic(**{**fields, "source": " "}, **tagged) == utm("news", "cpc")
    assert traffic(**{**fields, "source": None}, **clicked) == click("google", "cpc")
    assert traffic(**{**fields, "source": None}, page_url=SHOP) == seen("bing", "organic")
    assert traffic(campaign="may", **tagged) == Says(None, None, "may", "sent")


def test_an_app_says_something_of_a_page_without_a_host_too():
    assert traffic(page_url="/p", referrer_url="android-app://com.whatsapp") == seen("whatsapp", "social")


def test_a_tag_counts_on_a_page_reached_from_the_same_site():
    assert traffic(page_url=f"{SHOP}/?utm_source=banner", referrer_url=f"{SHOP}/") == utm("banner")


def test_rules_of_your_own():
    rules = TrafficRules(
        click_ids=(Origin("zid", "zed", "cpc"),),
        hosts=(Origin("example.*", "any", "x"), Origin("a.example.org", "a", "y")),
        ignored_hosts=("b.example.org",),
    )
    assert traffic(rules, page_url="/?zid=1&gclid=2") == click("zed", "cpc")
    assert traffic(rules, referrer_url="https://example.net") == seen("any", "x")
    assert traffic(rules, referrer_url="https://c.example.org") == seen("any", "x")
    assert traffic(rules, referrer_url="https://z.a.example.org") == seen("a", "y")
    assert traffic(rules, referrer_url="https://z.b.example.org") == NOTHING
    assert traffic(rules, referrer_url="https://google.com") == seen("google.com", "referral")


def test_addresses_too_long_to_be_remembered_are_read_all_the_same():
    assert traffic(page_url=f"{SHOP}/?x={'a' * 3000}&utm_source=news") == utm("news")
    assert traffic(referrer_url=f"https://blog.example/{'a' * 3000}") == seen("blog.example", "referral")
