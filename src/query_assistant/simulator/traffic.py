"""A year of traffic as one endless mixture of visitors, in the shares that real logs are known to have.

Half of it fills logs without being a question: probes, crawlers, scanners, pages, the documentation's examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from query_assistant.logs.noise import Familiar, load_familiar
from query_assistant.simulator import visitors
from query_assistant.simulator.questions import Asker
from query_assistant.simulator.spelling import encode
from query_assistant.simulator.visitors import BROWSERS, PYTHON_CLIENTS, SCRIPTS, Repertoire, Visit, Visitor

# Expected new templates grow as 2 * sqrt(strength * bursts); these give some 2,000 signatures in 155,000 lines.
PEOPLE_STRENGTH = 90.0
SCRIPT_STRENGTH = 40.0
WIDGET_STRENGTH = 10.0


def mixture(api: str) -> dict[str, tuple[float, float, Visitor]]:
    """Name → (share of all lines in percent, mean lines per burst, visitor)."""
    familiar = load_familiar(api)
    mixed: dict[str, tuple[float, float, Visitor]] = {
        "metadata": (21.0, 2.5, metadata_calls),
        "status": (8.0, 5.7, status),
        "pages": (4.0, 3.0, pages),
        "bots": (3.0, 5.7, bots),
        "scanners": (3.0, 5.0, scanners),
        "other_versions": (2.0, 1.0, other_versions),
        "preflights": (1.5, 1.0, preflights),
        "continuations": (2.5, 13.3, continuations),
        "people": (11.0, 1.6, visitors.people(Repertoire(strength=PEOPLE_STRENGTH, careful=False))),
        "scripts": (14.0, 8.8, visitors.scripts(Repertoire(strength=SCRIPT_STRENGTH, careful=True))),
        "lookups": (12.0, 10.5, visitors.lookups),
        "try_it": (2.5, 1.3, visitors.try_it_page),
        "autocomplete": (4.0, 5.0, visitors.autocomplete),
        "widgets": (1.5, 1.0, visitors.web_widgets(Repertoire(strength=WIDGET_STRENGTH, careful=True))),
        "client_libraries": (4.5, 5.5, visitors.client_libraries),
        "translator": (2.0, 7.2, visitors.translator),
        "spelled_batches": (0.3, 1.0, visitors.spelled_batches),
    }
    if familiar.monitors:
        mixed["monitors"] = (2.0, 4.0, monitors(familiar))
    if familiar.examples:
        mixed["examples"] = (1.2, 1.0, examples(familiar))
    return mixed


def hits(api: str, asker: Asker, seed: int) -> Iterator[Visit]:
    """Lines without end; the first n are the same for every log of the same seed, however long it is to be."""
    mixed = mixture(api)
    order = Random(f"{seed}:{api}:order")
    streams = {name: Random(f"{seed}:{api}:{name}") for name in mixed}
    names = list(mixed)
    weights = [share / burst for share, burst, _ in mixed.values()]
    while True:
        for name in order.choices(names, weights, k=256):
            yield from mixed[name][2](asker, streams[name])


# Background -----------------------------------------------------------------------------------------------------------

MONITORS = ("UptimeRobot/2.0; http://www.uptimerobot.com/", "ELB-HealthChecker/2.0", "Pingdom.com_bot_version_1.4")
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
)
SCANNED = (
    "/wp-login.php", "/.env", "/.git/config", "/phpmyadmin/index.php", "/admin/login", "/cgi-bin/luci",
    "/actuator/health", "/boaform/admin/formLogin", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/xmlrpc.php", "/api/v1/pods",
    "/index.php?s=/Index/think", "/solr/admin/info/system", "/.aws/credentials", "/owa/auth/logon.aspx",
)  # fmt: skip
PAGES = (
    "/", "/favicon.ico", "/robots.txt", "/static/css/main.css", "/static/js/app.js", "/static/img/logo.png", "/demo",
    "/tryapi/", "/standalone", "/about", "/faq", "/sitemap.xml", "/apple-touch-icon.png", "/widget/minimal/dist/app.js",
)  # fmt: skip


def metadata_calls(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Build dates and field lists, fetched constantly by documentation pages, clients and pipelines."""
    found = rng.choices(
        (
            "/metadata",
            f"{asker.base}/metadata",
            f"{asker.base}/metadata/fields",
            "/metadata/fields",
            f"{asker.base}/spec",
        ),
        (3, 9, 5, 1, 0.3),
    )[0]
    if found.endswith("fields") and rng.random() < 0.3:
        found += f"?{rng.choice(('search', 'prefix'))}={rng.choice(asker.topics.returned).split(',')[0].split('.')[0]}"
    for _ in range(rng.choice((1, 1, 2, 6))):
        yield Visit("GET", found, 200, rng.choice(PYTHON_CLIENTS + BROWSERS + SCRIPTS))


def status(_: Asker, rng: Random) -> Iterator[Visit]:
    for _number in range(rng.choice((2, 5, 10))):
        yield Visit(
            rng.choice(("GET", "HEAD")), rng.choice(("/status", "/status", "/status?dev")), 200, rng.choice(MONITORS)
        )


def monitors(familiar: Familiar) -> Visitor:
    """Health checks that ask for always the same record."""

    def burst(asker: Asker, rng: Random) -> Iterator[Visit]:
        entity = next(iter(asker.topics.entities))
        path = f"{asker.base}/{entity}/{encode(rng.choice(familiar.monitors), 'browser')}"
        for _ in range(rng.choice((1, 3, 8))):
            yield Visit(rng.choice(("GET", "GET", "HEAD")), path, 200, rng.choice(MONITORS))

    return burst


def examples(familiar: Familiar) -> Visitor:
    """The documentation's examples, clicked or pasted as they are."""

    def burst(asker: Asker, rng: Random) -> Iterator[Visit]:
        path = f"{asker.base}/query?q={encode(rng.choice(familiar.examples), 'browser')}"
        yield Visit(
            "GET", path + rng.choice(("", "", "&species=human", "&size=5")), 200, rng.choice(BROWSERS + SCRIPTS)
        )

    return burst


def pages(_: Asker, rng: Random) -> Iterator[Visit]:
    for path in rng.sample(PAGES, rng.randint(1, 5)):
        yield Visit("GET", path, rng.choice((200, 200, 304)), rng.choice(BROWSERS))


def bots(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Crawlers, which come although robots.txt asks them not to."""
    entity, agent = next(iter(asker.topics.entities)), rng.choice(BOTS)
    shape = next(iter(asker.topics.lookups))
    for _ in range(rng.choice((1, 4, 12))):
        if rng.random() < 0.4:
            yield Visit("GET", rng.choice(("/robots.txt", "/", "/sitemap.xml")), 200, agent)
        else:
            before, name = shape.rstrip("}").split("{")
            row = asker.values.pick((name,), rng)
            yield Visit(
                "GET", f"{asker.base}/{entity}/{before}{encode(row[name][0], 'browser') if row else '1'}", 200, agent
            )


def scanners(_: Asker, rng: Random) -> Iterator[Visit]:
    for path in rng.sample(SCANNED, rng.randint(2, 8)):
        yield Visit(rng.choice(("GET", "GET", "POST")), path, 404, rng.choice((*SCRIPTS, "Mozilla/5.0 zgrab/0.x")))


def other_versions(asker: Asker, rng: Random) -> Iterator[Visit]:
    """Calls of versions that are gone or were never there, and redirects to the present one."""
    other = rng.choice(("/v2", "/api/v1", "/v1" if asker.base != "/v1" else "/v0", "/v4", ""))
    path = f"{other}/query?q={encode(asker.plain(rng), 'plus')}"
    yield Visit("GET", path, rng.choice((301, 404)), rng.choice(SCRIPTS + BROWSERS))


def preflights(asker: Asker, rng: Random) -> Iterator[Visit]:
    yield Visit("OPTIONS", rng.choice((f"{asker.base}/query", f"{asker.base}/metadata")), 204, rng.choice(BROWSERS))


def continuations(asker: Asker, rng: Random) -> Iterator[Visit]:
    """The pages after the first of a long result."""
    scroll = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=44))
    for _ in range(rng.choice((2, 8, 30))):
        yield Visit("GET", f"{asker.base}/query?scroll_id={scroll}%3D%3D", 200, rng.choice(SCRIPTS + PYTHON_CLIENTS))
