"""What fills logs without being a question: probes, crawlers, scanners, pages, the documentation's examples."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from query_assistant.logs.noise import Familiar
from query_assistant.simulator.questions import Asker
from query_assistant.simulator.spelling import encode
from query_assistant.simulator.visitors import BROWSERS, PYTHON_CLIENTS, SCRIPTS, Hit, Visitor

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


def metadata(asker: Asker, rng: Random) -> Iterator[Hit]:
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
        yield Hit("GET", found, 200, rng.choice(PYTHON_CLIENTS + BROWSERS + SCRIPTS))


def status(_: Asker, rng: Random) -> Iterator[Hit]:
    for _number in range(rng.choice((2, 5, 10))):
        yield Hit(
            rng.choice(("GET", "HEAD")), rng.choice(("/status", "/status", "/status?dev")), 200, rng.choice(MONITORS)
        )


def monitors(familiar: Familiar) -> Visitor:
    """Health checks that ask for always the same record."""

    def burst(asker: Asker, rng: Random) -> Iterator[Hit]:
        entity = next(iter(asker.topics.entities))
        path = f"{asker.base}/{entity}/{encode(rng.choice(familiar.monitors), 'browser')}"
        for _ in range(rng.choice((1, 3, 8))):
            yield Hit(rng.choice(("GET", "GET", "HEAD")), path, 200, rng.choice(MONITORS))

    return burst


def examples(familiar: Familiar) -> Visitor:
    """The documentation's examples, clicked or pasted as they are."""

    def burst(asker: Asker, rng: Random) -> Iterator[Hit]:
        path = f"{asker.base}/query?q={encode(rng.choice(familiar.examples), 'browser')}"
        yield Hit("GET", path + rng.choice(("", "", "&species=human", "&size=5")), 200, rng.choice(BROWSERS + SCRIPTS))

    return burst


def pages(_: Asker, rng: Random) -> Iterator[Hit]:
    for path in rng.sample(PAGES, rng.randint(1, 5)):
        yield Hit("GET", path, rng.choice((200, 200, 304)), rng.choice(BROWSERS))


def bots(asker: Asker, rng: Random) -> Iterator[Hit]:
    """Crawlers, which come although robots.txt asks them not to."""
    entity, agent = next(iter(asker.topics.entities)), rng.choice(BOTS)
    shape = next(iter(asker.topics.lookups))
    for _ in range(rng.choice((1, 4, 12))):
        if rng.random() < 0.4:
            yield Hit("GET", rng.choice(("/robots.txt", "/", "/sitemap.xml")), 200, agent)
        else:
            before, name = shape.rstrip("}").split("{")
            row = asker.values.pick((name,), rng)
            yield Hit(
                "GET", f"{asker.base}/{entity}/{before}{encode(row[name][0], 'browser') if row else '1'}", 200, agent
            )


def scanners(_: Asker, rng: Random) -> Iterator[Hit]:
    for path in rng.sample(SCANNED, rng.randint(2, 8)):
        yield Hit(rng.choice(("GET", "GET", "POST")), path, 404, rng.choice((*SCRIPTS, "Mozilla/5.0 zgrab/0.x")))


def other_versions(asker: Asker, rng: Random) -> Iterator[Hit]:
    """Calls of versions that are gone or were never there, and redirects to the present one."""
    other = rng.choice(("/v2", "/api/v1", "/v1" if asker.base != "/v1" else "/v0", "/v4", ""))
    path = f"{other}/query?q={encode(asker.plain(rng), 'plus')}"
    yield Hit("GET", path, rng.choice((301, 404)), rng.choice(SCRIPTS + BROWSERS))


def preflights(asker: Asker, rng: Random) -> Iterator[Hit]:
    yield Hit("OPTIONS", rng.choice((f"{asker.base}/query", f"{asker.base}/metadata")), 204, rng.choice(BROWSERS))


def continuations(asker: Asker, rng: Random) -> Iterator[Hit]:
    """The pages after the first of a long result."""
    scroll = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=44))
    for _ in range(rng.choice((2, 8, 30))):
        yield Hit("GET", f"{asker.base}/query?scroll_id={scroll}%3D%3D", 200, rng.choice(SCRIPTS + PYTHON_CLIENTS))
