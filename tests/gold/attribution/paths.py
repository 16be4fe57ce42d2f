"""Paths for tests: by hand, and drawn by Hypothesis."""

from hypothesis import strategies as st

from pipelines.gold.attribution.touches import MICROS, Path, Touch, path_to

ORDERED_AT = 1_800_000_000 * MICROS
SOURCES = ("direct", "google", "facebook", "newsletter", "tiktok", "(none)", "été")


def touch(source: str, *, seconds_before: float, event_id: str = "") -> Touch:
    occurred_at = ORDERED_AT - round(seconds_before * MICROS)
    return Touch(occurred_at, event_id or f"{source}-{seconds_before}", "visitor", source)


def path(*sources: str, look_back_seconds: int = 600, spacing: float = 10) -> Path:
    """The sources in this order, `spacing` seconds from one to the next and to the order."""
    touches = [
        touch(source, seconds_before=spacing * (len(sources) - index), event_id=f"e{index:04}")
        for index, source in enumerate(sources)
    ]
    return path_to(ORDERED_AT, touches, look_back_seconds=look_back_seconds)


@st.composite
def touch_lists(draw: st.DrawFn, min_size: int = 0, sources: tuple[str, ...] = SOURCES) -> list[Touch]:
    """Touches within ten minutes before the order, some at the same time, none with another's event id."""
    drawn = draw(
        st.lists(
            st.tuples(st.integers(0, 600), st.sampled_from(sources)),
            min_size=min_size,
            max_size=30,
        )
    )
    return [
        touch(source, seconds_before=seconds, event_id=f"e{index}")
        for index, (seconds, source) in enumerate(drawn)
    ]
