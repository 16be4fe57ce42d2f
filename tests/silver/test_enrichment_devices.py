"""Golden table: what user agents, as they are seen in the wild, say."""

import pytest

from pipelines.silver.enrichment.devices import read_device

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = {
    "desktop": [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
        "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; Tablet PC 2.0; rv:11.0) like Gecko",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.5 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
    ],
    "mobile": [
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.5 Mobile/15E148 Safari/604.1",
        f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 9; CUBOT X19) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Mobile/15E148 [FBAN/FBIOS;FBAV/470.0.0;FBDV/iPhone15,3]",
        "Mozilla/5.0 (Mobile; Nokia_2720_Flip; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
        f"Mozilla/5.0 (X11; Linux aarch64) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        "MyShop/3.1 CFNetwork/1410.1 Darwin/22.6.0",
        "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6 Build/TQ3A.230805.001)",
    ],
    "tablet": [
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/16.6 Mobile/15E148 Safari/604.1",
        f"Mozilla/5.0 (Linux; Android 13; SM-X700) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Android 14; Tablet; rv:127.0) Gecko/127.0 Firefox/127.0",
        f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {WEBKIT} Silk/108.4.6 like Chrome/108.0 Safari/537.36",
    ],
    "tv": [
        f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {WEBKIT} SamsungBrowser/4.0 Chrome/76.0 TV Safari/537.36",
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {WEBKIT} Chrome/94.0.4606.128 Safari/537.36 WebAppManager",
        f"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7233; wv) {WEBKIT} Chrome/70.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 11; BRAVIA 4K VH2) {WEBKIT} Chrome/100.0 Safari/537.36",
        "AppleTV11,1/11.1",
        "Roku/DVP-9.10 (519.10E04111A)",
    ],
    "other": [
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/13.0 Safari/605.1.15",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {WEBKIT} Edge/16.16299",
        "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 (KHTML, like Gecko) NF/6.0.1",
        "okhttp/4.12.0",
        "garbage",
    ],
    "bot": [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {WEBKIT} Chrome/126.0 Mobile "
        "Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 "
        "(compatible; Bytespider; spider-feedback@bytedance.com)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.1; +https://openai.com/gptbot)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; "
        "+claudebot@anthropic.com)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "Wget/1.21.3",
        "python-requests/2.31.0",
        "python-httpx/0.27.0",
        "aiohttp/3.9",
        "Go-http-client/2.0",
        "Scrapy/2.11 (+https://scrapy.org)",
    ],
}
CASES = [(device_class, agent) for device_class, agents in AGENTS.items() for agent in agents]


@pytest.mark.parametrize(("device_class", "agent"), CASES)
def test_what_a_user_agent_says(device_class, agent):
    assert read_device(agent) == (device_class, device_class == "bot")


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_user_agent_says_nothing(blank):
    assert read_device(blank) == (None, None)


def test_only_the_beginning_of_an_endless_user_agent_is_looked_at():
    assert read_device("x" * 512 + " Googlebot/2.1") == read_device("x" * 512) == ("other", False)
