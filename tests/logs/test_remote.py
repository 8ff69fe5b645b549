"""Logs in a bucket and tables in many parts: as they are read from a folder of the disk."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logs.bucket import bucket_server
from query_assistant.apis import Api
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.logs import remote
from query_assistant.logs.files import find_logs
from query_assistant.logs.filtering import filter_logs
from query_assistant.replica.replica import Replica

WANTED = ["/v3/query?q=symbol:CDK2", "/v3/gene/1001"]


def table(paths: list[str | None], **columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"request_uri": paths, "status": [200] * len(paths), **columns}), out, row_group_size=50)
    return out.getvalue()


PARTS = {
    "logs/2025/part-0.parquet": table([WANTED[0]] * 300 + [None, "?"]),
    "logs/2025/part-1.parquet": table([WANTED[0], WANTED[1]] * 20, user_agent=["curl", "Googlebot/2.1"] * 20),
    "logs/2025/_SUCCESS": b"",
    "logs/web/access.log.gz": gzip.compress(("\n".join([*WANTED, WANTED[0]]) + "\n").encode()),
}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in (("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with bucket_server(PARTS) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        remote._server.cache_clear()
        yield server
    remote._server.cache_clear()


def names(*paths: str) -> list[str]:
    return [remote.shown_address(path) for path in find_logs(paths)]


def test_what_is_meant_in_a_bucket_is_found(bucket: str) -> None:
    both = ["s3://logs/2025/part-0.parquet", "s3://logs/2025/part-1.parquet"]
    assert names("s3://logs/2025") == names("s3://logs/2025/") == names("s3://logs/2025/*.parquet") == both
    assert names("s3://logs/2025/part-1.parquet") == both[1:]
    assert names("s3://logs/*/*.gz") == ["s3://logs/web/access.log.gz"]
    assert list(find_logs([Path("s3://logs/web/access.log.gz")]).values()) == [True], "a path loses a slash"
    with pytest.raises(InputError, match="no log at s3://logs/2024: expected an object"):
        find_logs(["s3://logs/2024"])


def test_a_bucket_gives_the_queries_of_the_same_files_on_the_disk(
    bucket: str, tmp_path: Path, mygene: Api, replica: Replica
) -> None:
    for name, content in PARTS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "logs/2025/_SUCCESS").unlink()
    here = filter_logs([tmp_path / "logs"], mygene, replica)
    there = filter_logs(["s3://logs"], mygene, replica)
    assert there.queries == here.queries
    assert {query.query: query.count for query in here.queries} == {WANTED[0]: 322, WANTED[1]: 1}
    assert there.report.metrics() == here.report.metrics()
    assert (here.report.lines, here.report.broken.lines) == (345, 2)


def test_a_bucket_that_does_not_answer_is_one_sentence(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    remote._server.cache_clear()
    with pytest.raises(MissingResourceError, match=r"cannot read s3://logs/2025: .*AWS_ENDPOINT_URL"):
        find_logs(["s3://logs/2025"])
