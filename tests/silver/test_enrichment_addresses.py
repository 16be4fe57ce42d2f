"""Golden table: the path of a page and the host of a referrer, worked out by hand."""

import pytest

from tests.silver.derived import SHOP, derived

PATHS = {
    "https://shop.example/a%20b/%C3%A9?x=%20#y": "/a b/é",
    "https://shop.example": "/",
    "https://shop.example?x=1": "/",
    "https://shop.example:8443/p/1;v=2": "/p/1;v=2",
    "example.com/path": "/path",
    "example.com": "/",
    "example.com:8080/path": "/path",
    "localhost:3000/path": "/path",
    "192.168.0.1/path": "/path",
    "//cdn.example/path": "/path",
    "/path": "/path",
    "path/page.html": "path/page.html",
    "index.html": "index.html",
    "/c%2Fd+e": "/c/d+e",
    "/%ff/%00/%zz": "/\ufffd/\ufffd/%zz",
    "/caf\u00e9": "/caf\u00e9",
    "app://open/cart": "/cart",
    "?q=1": None,
    "#top": None,
    "about:blank": None,
    "javascript:void(0)": None,
    "http://[bad/path": None,
    " ": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize(("url", "path"), PATHS.items())
def test_the_path_of_a_page(url, path):
    assert derived(page_url=url)["page_path"] == path


HOSTS = {
    "https://WWW.Blog.example:443/x": "blog.example",
    "https://www.com/": "www.com",
    "https://www2.blog.example": "www2.blog.example",
    "https://xn--mnchen-3ya.example/": "münchen.example",
    "https://xn--zzzzzz-/x": "xn--zzzzzz-",
    "https://under_score.example/": "under_score.example",
    "https://shop.example/p/2": "shop.example",
    "https://www.paypal.com/": "paypal.com",
    "android-app://com.Google.android.gm/": "com.google.android.gm",
    "http://[::1]/": "::1",
    "/p/2": None,
    "chrome-extension://abcdefgh/": None,
    "http://exa%6Dple.com/": None,
}


@pytest.mark.parametrize(("url", "host"), HOSTS.items())
def test_the_host_of_a_referrer(url, host):
    assert derived(page_url=SHOP, referrer_url=url)["referrer_host"] == host
