"""What a user agent says: the class of the device, and whether it is a robot.

Names of systems, devices and robots come from ua-parser's rules; from names to classes it is a
short way of our own. An iPad that shows itself as a Mac is a desktop here: nothing tells them apart.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import ua_parser

_CACHED_AGENTS = 8_192
_LONGEST_READ = 512
"""Characters of a user agent that are looked at: the time it takes grows with the square."""

_ROBOT_FAMILY = re.compile(r"bot\b|bot-|spider|crawl|headless|phantomjs|lighthouse", re.IGNORECASE)
_TOOL = re.compile(
    r"(?:curl|wget|python|aiohttp|go-http-client|java|apache-httpclient|axios|node|undici|got|"
    r"libwww-perl|ruby|php|guzzlehttp|postmanruntime|insomnia|httpie|faraday|k6|jmeter)\b",
    re.IGNORECASE,
)
_NO_CLASS = re.compile(r"xbox|playstation|nintendo|oculusbrowser|watch ?os|apple ?watch", re.IGNORECASE)
_TV = re.compile(
    r"smart-?tv|hbbtv|apple ?tv|google ?tv|android ?tv|\broku\b|bravia|crkey|\baft[a-z0-9]+\b|netcast|"
    r"viera|web0s|vidaa|\btv\b",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|playbook|\bsilk/", re.IGNORECASE)
_MOBILE = re.compile(r"mobile|\bmobi\b|iphone|ipod|phone|midp", re.IGNORECASE)
_MOBILE_SYSTEMS = frozenset({"iOS", "Windows Phone", "BlackBerry OS", "KaiOS", "Firefox OS", "Symbian OS"})
_DESKTOP_SYSTEMS = re.compile(
    r"(?:Windows(?! Phone| CE| Mobile)|Mac OS X|Linux|Chrome OS|Ubuntu|Fedora|Debian|Red Hat|SUSE|Mint|"
    r"Gentoo|Arch Linux|CentOS|Solaris|(?:Free|Open|Net)BSD)\b"
)


class Device(NamedTuple):
    """Class of the device (desktop, mobile, tablet, tv, bot, other), and whether it is a robot."""

    device_class: str | None
    is_bot: bool | None


NO_DEVICE = Device(None, None)
_BOT = Device("bot", True)


def read_device(user_agent: str) -> Device:
    """What the user agent says; nothing when it is blank."""
    return _remembered(user_agent[:_LONGEST_READ])


@lru_cache(_CACHED_AGENTS)
def _remembered(user_agent: str) -> Device:
    if not user_agent.strip():
        return NO_DEVICE
    parsed = ua_parser.parse(user_agent)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    family, brand = (parsed.device.family, parsed.device.brand) if parsed.device else ("", None)
    if family == "Spider" or _ROBOT_FAMILY.search(browser) or _TOOL.match(user_agent):
        return _BOT
    system = parsed.os.family if parsed.os else ""
    return Device(_class_of(user_agent, system, f"{family} {brand}"), False)


def _class_of(user_agent: str, system: str, model: str) -> str:
    if _NO_CLASS.search(user_agent):
        return "other"
    if _TV.search(user_agent):
        return "tv"
    if _DESKTOP_SYSTEMS.match(system) and not _MOBILE.search(user_agent):
        return "desktop"
    if _TABLET.search(user_agent) or "Tablet" in model:
        return "tablet"
    if system == "Android" or system in _MOBILE_SYSTEMS or _MOBILE.search(user_agent):
        return "mobile"
    return "other"
