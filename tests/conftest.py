"""Property tests draw the same examples every time, so that a green commit stays green.

`HYPOTHESIS_PROFILE=explore pytest tests/queries` draws new ones each time; what it finds becomes an `@example`.
"""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("explore", derandomize=False, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
