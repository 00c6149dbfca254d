"""One hypothesis profile for the core: a slow machine is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sealwire", deadline=None, max_examples=60)
settings.load_profile("sealwire")
