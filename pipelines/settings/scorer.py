"""The section of the scorer: how closely it follows the registry, and what scores beside the champion."""

from typing import Annotated

import msgspec

from pipelines.settings.sections import Section

Shadows = Annotated[int, msgspec.Meta(ge=0, le=20)]


class Scorer(Section, frozen=True):
    """Decisions. `shadows`: how many models of a problem score beside its champion without deciding."""

    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)]
    shadows: Shadows
