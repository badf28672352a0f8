"""The part of the benchmark about places. Used by bench.py."""
import json
import os
import subprocess
import sys


def look_up(bench, figure, say):
    networks = bench.options.geo_networks
    say("places: %d networks" % networks)
    maker = os.path.join(bench.here, "..", "geo", "make_mmdb.py")
    made = os.path.join(bench.folder, "places.mmdb")
    subprocess.run([sys.executable, maker, "--random", str(networks), made], check=True)
    country = bench.options.geo_country or made
    result = subprocess.run([bench.program("tests/bench/geo_bench"), str(bench.options.rounds), country, made],
                            stdout=subprocess.PIPE, check=True)
    rounds = [json.loads(line) for line in result.stdout.splitlines()]
    for name in ("country", "asn", "both"):
        figure("geo.%s.ns_per_look_up" % name, [r[name] for r in rounds], "ns", digits=0)
    for name in ("country", "asn"):
        figure("geo.%s.to_bare_library" % name, [r[name] / r["bare_" + name] for r in rounds], "ratio", ("<=", 1.2))
        figure("geo.%s.open_ms" % name, [r["open_%s_ms" % name] for r in rounds[:1]], "ms", digits=1,
               bytes=os.path.getsize(country if name == "country" else made))
