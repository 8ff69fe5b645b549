"""Who calls the API with questions: people, scripts, widgets, try-it pages, client libraries.

Each visitor is a function that makes one *burst*: the few or many lines that one sitting leaves in the log.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from query_assistant.simulator.questions import Asker, Template
from query_assistant.simulator.spelling import Habit, draw_habit, encode, url

PYTHON_CLIENTS = (
    "biothings_client.py/0.3.1 (python:3.10.12 requests:2.31.0)",
    "biothings_client.py/0.4.1 (python:3.11.9 httpx:0.27.0)",
    "Python-requests_mygene.py/3.2.2 (gzip)",
    "Python-requests_biothings_client.py/0.2.6 (gzip)",
)
R_CLIENTS = ("R-httr_mygene.R/1.38.0", "R-httr_mygene.R/1.32.2", "libcurl/7.88.1 r-curl/5.2.0 httr/1.4.7")
SCRIPTS = (
    "python-requests/2.31.0",
    "curl/8.4.0",
    "python-httpx/0.27.0",
    "Java/17.0.9",
    "axios/1.6.2",
    "Go-http-client/2.0",
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
)
TRANSLATOR = ("node-superagent/3.8.3", "axios/0.27.2", "python-httpx/0.26.0")
# Left by wrong use of the client libraries: they steer the client, the server ignores them.
CLIENT_SWITCHES = (
    "returnall=True",
    "verbose=False",
    "as_dataframe=True",
    "df_index=False",
    "debug=False",
    "return_raw=True",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One line of a log, before it has a time and a client."""

    method: str
    path: str
    status: int = 200
    agent: str = ""


Visitor = Callable[[Asker, Random], Iterator[Visit]]


class Repertoire:
    """The templates in use, chosen as Pitman and Yor's process chooses tables.

    A few are asked thousands of times, most once or twice, and new ones keep coming: after n bursts about
    `2 * strength * sqrt(n / strength)` templates exist.
    """

    CAPACITY = 1_000_000

    def __init__(self, *, strength: float, careful: bool) -> None:
        self.strength, self.careful = strength, careful
        self.templates: list[Template] = []
        self._history = array("I")

    def choose(self, asker: Asker, rng: Random) -> Template:
        seen = len(self._history)
        if rng.random() * (self.strength + seen) < self.strength + len(self.templates) / 2:
            self.templates.append(asker.template(rng, careful=self.careful))
            number = len(self.templates) - 1
        else:
            number = self._history[rng.randrange(seen)]
        if seen < self.CAPACITY:
            self._history.append(number)
        else:
            self._history[rng.randrange(seen)] = number
        return self.templates[number]


def people(repertoire: Repertoire) -> Visitor:
    """Somebody tries things in the address bar or with curl: a few values, then something else."""

    def burst(asker: Asker, rng: Random) -> Iterator[Visit]:
        template = repertoire.choose(asker, rng)
        agent = rng.choice(BROWSERS + SCRIPTS[:2])
        status = 400 if template.fault and rng.random() < 0.3 else 200
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            yield Visit("GET", asker.request(template, rng), status, agent)

    return burst


def scripts(repertoire: Repertoire) -> Visitor:
    """A loop over a column of values, always the same question."""

    def burst(asker: Asker, rng: Random) -> Iterator[Visit]:
        template = repertoire.choose(asker, rng)
        agent = rng.choice(SCRIPTS + PYTHON_CLIENTS + R_CLIENTS)
        leak = "&" + rng.choice(CLIENT_SWITCHES) if rng.random() < 0.04 else ""
        email = f"&email={rng.choice(('lab', 'jane.doe', 'bioinfo'))}%40example.org" if rng.random() < 0.03 else ""
        for _ in range(min(60, 1 + int(rng.expovariate(0.12)))):
            path = asker.request(template, rng)
            yield Visit("GET", path + (leak + email if "?" in path else ""), 200, agent)

    return burst


def lookups(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Records fetched one by one by identifier."""
    shape = asker.choose(asker.topics.lookups, rng)
    entity = asker.choose(asker.topics.entities, rng)
    habit = draw_habit(rng, careful=True)
    parameters = {"fields": asker.returned(rng)} if rng.random() < 0.4 else {}
    for name, weights in asker.topics.parameters.items():
        value = asker.choose(weights, rng)
        if value and rng.random() < 0.3:
            parameters[name] = value
    agent = rng.choice(SCRIPTS + PYTHON_CLIENTS + R_CLIENTS)
    for _ in range(min(80, 1 + int(rng.expovariate(0.1)))):
        if rng.random() < 0.03:
            yield Visit("GET", f"{asker.base}/{entity}/{_nonsense(rng)}", 404, agent)
        else:
            yield Visit("GET", asker.lookup(shape, entity, parameters, habit, rng), 200, agent)


def _nonsense(rng: Random) -> str:
    """An identifier that no record has."""
    return rng.choice(("undefined", "NaN", "null", "None", "%20", f"XX{rng.randrange(10**6)}", "unknown", "0"))


def try_it_page(asker: Asker, rng: Random) -> Iterator[Visit]:
    """The documentation's form, which sends every parameter at its declared default."""
    spelled = {"fields": "all", "size": "10", "from": "0", "fetch_all": "false", "facet_size": "10"}
    own = asker.topics.programs.get("try_it", {})
    path = f"{asker.base}/query"
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.3:
            entity = next(iter(asker.topics.entities))
            shape = asker.choose(asker.topics.lookups, rng)
            defaults = {"fields": "all", "size": "10"}
            found = asker.lookup(shape, entity, defaults, Habit(encoding="percent"), rng)
            yield Visit("GET", found, 200, rng.choice(BROWSERS))
            continue
        changed = {"fields": asker.returned(rng)} if rng.random() < 0.2 else {}
        parameters = {"q": asker.plain(rng)} | spelled | changed | own | {"dotfield": "false"}
        yield Visit("GET", url(path, parameters, "percent"), 200, rng.choice(BROWSERS))


def autocomplete(asker: Asker, rng: Random) -> Iterator[Visit]:
    """A search box that asks at every keystroke."""
    word = asker.plain(rng).split(" ")[0][: rng.randint(4, 9)]
    own = "".join(f"&{name}={value}" for name, value in asker.topics.programs.get("autocomplete", {}).items())
    fields = encode(asker.topics.returned[0], "percent")
    callback = f"&callback=jQuery{rng.randrange(10**16)}_{_stamp(rng)}&_={_stamp(rng)}" if rng.random() < 0.3 else ""
    for end in range(1 if len(word) < 3 else 2, len(word) + 1):
        path = f"{asker.base}/query?q={encode(word[:end] + '*', 'browser')}{own}&limit=20&fields={fields}{callback}"
        yield Visit("GET", path, 200, rng.choice(BROWSERS))


def web_widgets(repertoire: Repertoire) -> Visitor:
    """A page of somebody's site that still asks for JSONP."""

    def burst(asker: Asker, rng: Random) -> Iterator[Visit]:
        path = asker.request(repertoire.choose(asker, rng), rng)
        joint = "&" if "?" in path else "?"
        tail = f"{joint}callback=jQuery{rng.randrange(10**16)}_{_stamp(rng)}&_={_stamp(rng)}"
        yield Visit("GET", path + tail, 200, rng.choice(BROWSERS))

    return burst


def client_libraries(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Batches by POST: the terms are in bodies, which no access log keeps."""
    agent = rng.choice(PYTHON_CLIENTS + R_CLIENTS)
    entity = next(iter(asker.topics.entities))
    path = f"{asker.base}/{rng.choice(('query', 'query', entity))}" + ("/" if agent in PYTHON_CLIENTS else "")
    for _ in range(min(40, 1 + int(rng.expovariate(0.2)))):
        yield Visit("POST", path, 200, agent)


def translator(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Knowledge-graph services: POST with what does not change in the URL."""
    parameters = {"fields": asker.returned(rng), "size": "1000"} | asker.topics.programs.get("translator", {})
    path, agent = url(f"{asker.base}/query", parameters, "raw"), rng.choice(TRANSLATOR)
    for _ in range(min(30, 1 + int(rng.expovariate(0.15)))):
        yield Visit("POST", path, 200, agent)


def spelled_batches(asker: Asker, rng: Random) -> Iterator[Visit]:
    """A POST whose terms stand in the URL: rare, and the only batch a log shows."""
    names = [name for name in asker.topics.plain if name in asker.values.holders]
    name = rng.choice(names)
    rows = [asker.values.pick((name,), rng) for _ in range(rng.randint(2, 6))]
    terms = ",".join(dict.fromkeys(row[name][0] for row in rows if row and "," not in row[name][0]))
    parameters = {"q": terms, "scopes": name, "fields": asker.returned(rng)}
    own = asker.topics.programs.get("batch", {})
    if own and rng.random() < 0.6:
        parameters |= own
    yield Visit("POST", url(f"{asker.base}/query", parameters, "percent"), 200, rng.choice(SCRIPTS))


def _stamp(rng: Random) -> int:
    return 1_700_000_000_000 + rng.randrange(31_536_000_000)
