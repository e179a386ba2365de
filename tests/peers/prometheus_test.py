"""A real Prometheus that scrapes lossd, and the queries of docker/ in it. tests/peers/prometheus runs it."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import pages
from metrics_test import Lossd, batch

_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{alerts}]
scrape_configs:
  - job_name: lossd
    static_configs: [targets: ["{target}"]]
"""


def text_of(path):
    with open(os.path.join(pages.ROOT, path), encoding="utf-8") as file:
        return file.read()


def dashboard(rate_interval):
    """Returns the queries of each panel by its title."""
    panels = json.loads(text_of("docker/grafana/lossd.json"))["panels"]
    return {panel["title"]: [target["expr"].replace("$__rate_interval", rate_interval).replace("$instance", ".*")
                             for target in panel["targets"]] for panel in panels}


def dashboard_queries():
    return [query for queries in dashboard("1m").values() for query in queries]


def alert_queries():
    return re.findall(r"^ +expr: (.+)$", text_of("docker/alerts.yml"), re.M)


class PrometheusApi:
    """What a Prometheus at host:port answers."""

    def __init__(self, address):
        self.address = address

    def get(self, path, **arguments):
        query = urllib.parse.urlencode(arguments)
        with _HTTP.open(f"http://{self.address}/api/v1/{path}?{query}", timeout=30) as response:
            return json.load(response)["data"]

    def query(self, query):
        return self.get("query", query=query)["result"]


class Prometheus(PrometheusApi):
    """A Prometheus of one's own that scrapes one target."""

    def __init__(self, folder, target):
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CONFIG.format(alerts=os.path.join(pages.ROOT, "docker/alerts.yml"), target=target))
        self.log = os.path.join(folder, "log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                 "--web.listen-address=127.0.0.1:0"], stderr=log, stdout=log)
        super().__init__(self._address())

    def _address(self):
        """Returns where it listens: it logs the address as it was asked for, with port 0."""
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True)
            for line in listening.stdout.splitlines():
                if f"pid={self.process.pid}," in line:
                    return line.split()[3]
            time.sleep(0.1)
        raise RuntimeError("Prometheus does not listen: " + open(self.log, encoding="utf-8").read())

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


class PrometheusTest(unittest.TestCase):
    def test_queries_are_answered(self):
        lossd = Lossd("--drain-delay", "0s")
        self.addCleanup(lossd.stop)
        with tempfile.TemporaryDirectory() as folder:
            prometheus = Prometheus(folder, lossd.metrics_address)
            try:
                self.ask(lossd, prometheus)
            finally:
                prometheus.stop()

    def ask(self, lossd, prometheus):
        give_up = time.monotonic() + 60
        rate = 'sum(rate(lossd_rows_total{loss="cross_entropy"}[1m]))'
        seen = []
        while not (seen and float(seen[0]["value"][1]) > 0):
            self.assertLess(time.monotonic(), give_up, "no rate after a minute of calls")
            lossd.stub.Compute(batch([0.5] * 20, 10), timeout=60)
            time.sleep(0.2)
            seen = prometheus.query(rate)
        self.assertEqual(prometheus.query("lossd_serving")[0]["value"][1], "1")

        names = set(re.findall(r"^# TYPE (\S+)", lossd.get("/metrics")[1], re.M))
        queries = [*dashboard_queries(), *alert_queries()]
        self.assertGreater(len(queries), 20)
        for query in queries:
            prometheus.query(query)  # an error of its syntax raises
            for name in re.findall(r"\b(?:lossd|grpc_server|process)_\w+", query):
                whole = re.sub(r"_(bucket|sum|count)$", "", name)
                self.assertTrue(name in names or whole in names, f"{name} in {query}")
        for query in dashboard_queries():
            self.assertTrue(prometheus.query(query), f"nothing is shown by {query}")
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        self.assertEqual(len(rules), len(alert_queries()))
        self.assertEqual({rule["health"] for rule in rules} - {"unknown"}, {"ok"})
        self.assertEqual({rule["state"] for rule in rules}, {"inactive"})


if __name__ == "__main__":
    unittest.main()
