from __future__ import annotations

import pytest

from query_assistant.apis import load_api
from query_assistant.logs.files import find_logs
from query_assistant.logs.reading import batches, open_log
from query_assistant.simulator import write_sample

RECORDS = {
    "mygene": {"_id": "1", "symbol": "A1BG", "name": "alpha-1-B glycoprotein", "entrezgene": "1", "taxid": 9606},
    "mychem": {
        "_id": "HEFNNWSXXWATRW-UHFFFAOYSA-N",
        "name": "IBUPROFEN",
        "chebi": {"id": "CHEBI:5855", "name": "ibuprofen"},
    },
    "mydisease": {"_id": "MONDO:0008678", "mondo": {"mondo": "MONDO:0008678", "label": "Williams syndrome"}},
    "myvariant": {"_id": "chr1:g.35367G>A", "dbsnp": {"rsid": "rs1799898", "vartype": "snv"}, "chrom": "1"},
}


@pytest.mark.parametrize(
    ("name", "format", "files"),
    [("mygene", "csv", 1), ("mychem", "combined", 2), ("mydisease", "tornado", 1), ("myvariant", "paths", 1)],
)
def test_the_sample_uses_another_format_for_each_api_and_says_that_it_is_simulated(tmp_path, name, format, files):
    written = write_sample(tmp_path, load_api(name), [RECORDS[name]] * 3, lines=300)
    assert list(find_logs([tmp_path])) == sorted(written) and len(written) == files
    assert all("simulated" in file.name for file in written)
    logs = [open_log(file) for file in written]
    lines = sum(len(batch) for log in logs for batch in batches(log))
    assert [log.format for log in logs] == [format] * files
    assert lines == 300
