"""One answer of a live service, for drafting: bounded in time and size, refused in one sentence."""

from __future__ import annotations

import time

import httpx

from query_assistant.errors import MissingResourceError
from query_assistant.onboarding.drafting import MAX_BYTES

SECONDS = 60.0


def ask_service(url: str) -> str:
    """The body of a 200 answer.

    Raises:
        MissingResourceError: no answer, another status, too slow or too large.
    """
    started, content = time.monotonic(), b""
    try:
        with httpx.stream("GET", url, timeout=15.0, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise MissingResourceError(
                    f"{url} answered {answer.status_code}; expected 200: correct the address, or give a saved answer"
                )
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_BYTES or time.monotonic() - started > SECONDS:
                    raise MissingResourceError(
                        f"{url} sent more than {MAX_BYTES:,} bytes or took over {SECONDS:g} s; give a saved answer"
                    )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MissingResourceError(
            f"{url} cannot be reached: {error}; give a saved answer of /metadata/fields instead"
        ) from error
    return content.decode("utf-8", "replace")
