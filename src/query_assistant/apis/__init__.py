"""One API as data: its definition, its fields, and what all APIs of the family share."""

from query_assistant.apis.api import FOLDER, Api, api_folder, api_names, load_api, load_family, records_file
from query_assistant.apis.definition import (
    ApiDefinition,
    EndpointKey,
    IntervalRule,
    Parameter,
    Shorthand,
    Stretch,
    WordsPart,
)

__all__ = [
    "FOLDER",
    "Api",
    "ApiDefinition",
    "EndpointKey",
    "IntervalRule",
    "Parameter",
    "Shorthand",
    "Stretch",
    "WordsPart",
    "api_folder",
    "api_names",
    "load_api",
    "load_family",
    "records_file",
]
