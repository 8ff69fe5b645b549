"""Everything this package raises on purpose.

QueryAssistantError            one clear sentence: the value, the expectation, the remedy
├── ConfigurationError         params.yaml or an API definition says something impossible
├── InputError                 a file or an argument given by a person is not usable
│   └── UnsafeArchiveError     a tarball or pickle tries to do more than carry data
├── MissingResourceError       weights, key, GPU, server or package that the choice needs is not there
├── BusyError                  more was asked at once than can be answered in time; carries when to ask again
├── RequestError               the API would answer 4xx; carries the status and the server's reason
│   └── QuerySyntaxError       the query text cannot be parsed; carries the position
└── LeakError                  something of a test set was found in training data
"""

from __future__ import annotations


class QueryAssistantError(Exception):
    """Base of all expected failures: the command line prints it in one line and exits with 2."""


class ConfigurationError(QueryAssistantError):
    """A configuration value is unknown, missing or out of bounds."""


class InputError(QueryAssistantError):
    """A file or argument is missing, unreadable or malformed."""


class UnsafeArchiveError(InputError):
    """An archive or pickle was refused because reading it could harm the machine."""


class MissingResourceError(QueryAssistantError):
    """Something outside the package is needed and absent; the message says how to get it."""


class BusyError(QueryAssistantError):
    """The server has as much to do as it can hold; `retry_after_s` is when it may have time."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RequestError(QueryAssistantError):
    """The API would refuse this request.

    `status` is the HTTP status it would answer with, `parameter` the parameter at fault, if one is.
    """

    def __init__(self, message: str, *, status: int = 400, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.parameter = parameter


class QuerySyntaxError(RequestError):
    """A query text that Lucene's query_string grammar does not accept; `position` counts characters from 0."""

    def __init__(self, message: str, *, position: int, parameter: str | None = "q") -> None:
        super().__init__(message, status=400, parameter=parameter)
        self.position = position


class LeakError(QueryAssistantError):
    """Test or benchmark content was found where the model could learn it."""


def told(error: OSError) -> str:
    """One sentence about a file or device that failed where nothing more is known."""
    where = error.filename2 or error.filename or "a file"
    reason = error.strerror or str(error)
    return f"cannot read or write {where}: {reason}; check that it exists, may be written and the disk has room"


def visible(text: str) -> str:
    """The text with nothing in it that a terminal obeys: control signs and reversed writing, say, are spelled out."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
