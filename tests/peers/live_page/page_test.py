"""The live page in a real browser. tests/peers/page runs it."""

import hashlib
import os
import sys
import tempfile
import threading
import time
import unittest

import numpy
from browser import Browser
from lossd.v1 import runs_pb2
from recorded import Lossd, Training, record_million

_WORK = os.environ["LOSSD_PAGE_WORK"]
_AXE = os.environ["LOSSD_PAGE_AXE"]
_READY = "!document.getElementById('run').hidden && document.querySelectorAll('#samples tbody tr').length > 0"


def numbers(texts):
    """Returns what the page wrote as numbers."""
    return [float(text.replace(",", "").replace("−", "-").replace(" %", "")) for text in texts]


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.stop)

    def start(self, *flags):
        lossd = Lossd(*flags)
        self.addCleanup(lossd.stop)
        return lossd

    def open(self, url, **looks):
        tab = self.browser.open(url, **looks)
        self.addCleanup(tab.close)
        return tab

    def picture(self, tab, name, whole=True):
        tab.picture(os.path.join(_WORK, f"{name}.png"), whole)

    def check(self, tab, console=True):
        """Checks that nothing was written to the console, and what axe-core says."""
        if console:
            self.assertEqual(tab.faults, [])
        if os.path.exists(_AXE):
            self.assertEqual(tab.axe(_AXE), [])

    def facts(self, tab):
        return dict(zip(tab.texts("#facts dt"), tab.texts("#facts dd")))

    def trained(self, lossd, name, rate=0.5, epochs=6):
        training = Training(lossd, name, rate)
        training.epochs(epochs, of=epochs)
        return training

    def test_it_says_how_to_begin_and_shows_a_run_when_it_comes(self):
        lossd = self.start()
        self.assertRegex(lossd.said[0], r"^web on 127\.0\.0\.1:[1-9]\d*$")
        tab = self.open(lossd.url)
        tab.wait("!document.getElementById('empty').hidden")
        self.assertIn("request_id", tab.text("#empty"))
        for scheme in ("light", "dark"):
            tab.look(scheme=scheme)
            self.picture(tab, f"empty-{scheme}")
        training = self.trained(lossd, "first", epochs=1)
        tab.wait(_READY)
        self.assertEqual(tab.text("#run-name"), "first")
        self.assertEqual(self.facts(tab)["Samples"], "4,000")
        self.check(tab)
        del training

    def test_it_follows_a_run_that_goes_on(self):
        lossd = self.start()
        training = self.trained(lossd, "goes/on", epochs=2)
        tab = self.open(lossd.url)
        tab.wait(_READY)
        self.assertEqual(self.facts(tab)["Epoch"], "2")
        before = tab.text("#samples tbody")
        training.epochs(2, of=4)
        tab.wait("[...document.querySelectorAll('#facts dd')].some((one) => one.innerText === '0–63')")
        self.assertEqual(self.facts(tab)["Presentations"], "16,000")
        self.assertEqual(tab.evaluate("document.getElementById('cursor').max"), "63")
        # The table of samples follows, too, though not at each step.
        self.wait_until(lambda: tab.text("#samples tbody") != before)

        tab.click("#pause")
        training.epochs(1, of=5)
        time.sleep(2)
        self.assertEqual(self.facts(tab)["Presentations"], "16,000")
        tab.click("#pause")
        tab.wait("[...document.querySelectorAll('#facts dd')].some((one) => one.innerText === '20,000')")
        self.check(tab)

    def wait_until(self, is_so):
        give_up = time.monotonic() + 60
        while not is_so():
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.05)

    def test_samples_are_sorted_and_paged_by_the_server(self):
        lossd = self.start()
        self.trained(lossd, "sorted")
        tab = self.open(lossd.url)
        tab.wait(_READY)

        def listed(order, size, **fields):
            return lossd.runs.ListRunSamples(runs_pb2.ListRunSamplesRequest(
                run="sorted", order_by=order, page_size=size, **fields)).samples

        ids = "#samples tbody th"
        self.assertEqual(tab.texts(ids), [str(one.id) for one in listed(runs_pb2.SAMPLE_ORDER_HARDEST, 25)])
        heads = {"Forgotten": runs_pb2.SAMPLE_ORDER_MOST_FORGOTTEN, "Turns": runs_pb2.SAMPLE_ORDER_MOST_TURNED,
                 "Margin": runs_pb2.SAMPLE_ORDER_LOWEST_MARGIN, "Deviation": runs_pb2.SAMPLE_ORDER_MOST_VARIABLE}
        for head, order in heads.items():
            column = tab.texts("#samples thead th").index(head)
            tab.evaluate(f"document.querySelectorAll('#samples thead th')[{column}].querySelector('button').focus()")
            tab.press("Enter", text="\r")
            direction = "ascending" if head == "Margin" else "descending"
            tab.wait(f"document.querySelectorAll('#samples thead th')[{column}].ariaSort === '{direction}'")
            self.assertEqual(tab.texts(ids), [str(one.id) for one in listed(order, 25)], head)
            shown = numbers(tab.texts(f"#samples tbody td:nth-child({column + 1})"))
            self.assertEqual(shown, sorted(shown, reverse=direction == "descending"), head)
            self.assertEqual(tab.evaluate("document.activeElement.innerText"), head)
            self.assertIn("first", tab.text("#status"))

        everything = [str(one.id) for one in listed(runs_pb2.SAMPLE_ORDER_MOST_VARIABLE, 75)]
        for page in (1, 2):
            tab.click("#next")
            tab.wait(f"document.getElementById('page-number').innerText === '{page * 25 + 1}–{page * 25 + 25}'")
            self.assertEqual(tab.texts(ids), everything[page * 25:page * 25 + 25])
        tab.click("#previous")
        tab.wait("document.getElementById('page-number').innerText === '26–50'")
        self.assertEqual(tab.texts(ids), everything[25:50])

        tab.evaluate("document.getElementById('class').focus()")
        tab.type("3")
        tab.press("Enter", text="\r")
        tab.evaluate("document.getElementById('class').blur()")
        tab.wait("document.getElementById('page-number').innerText === '1–25'")
        self.assertEqual(set(tab.texts("#samples tbody td:nth-child(2)")), {"3"})
        self.check(tab)

    def test_it_shows_what_the_server_says(self):
        lossd = self.start()
        self.trained(lossd, "numbers")
        tab = self.open(lossd.url)
        tab.wait(_READY)
        run = lossd.runs.GetRun(runs_pb2.GetRunRequest(run="numbers")).run
        self.assertEqual(tab.texts("#findings li") or [], list(run.findings) or
                         ["The numbers support none yet: it takes a few epochs."])
        self.assertEqual(numbers(tab.texts("#forgetting tbody td:nth-child(3)")), list(run.forgetting_histogram))
        tab.click("#map-table summary")
        tab.wait("document.querySelectorAll('#map-table tbody td').length === 400")
        shown = numpy.array(numbers(tab.texts("#map-table tbody td"))).reshape(20, 20)[::-1]
        self.assertEqual(shown.ravel().tolist(), list(run.map.counts))
        tab.click("#time-table summary")
        tab.wait(f"document.querySelectorAll('#time-table tbody tr').length === {len(run.points)}")
        losses = numbers(tab.texts("#time-table tbody td:nth-child(3)"))
        self.assertTrue(numpy.allclose(losses, [point.mean_loss for point in run.points], rtol=1e-3))

        # By epoch, each is the mean of its steps.
        tab.click("#axis label:last-child")
        tab.wait("document.querySelectorAll('#time-table tbody tr').length === 6")
        losses = numbers(tab.texts("#time-table tbody td:nth-child(3)"))
        means = [numpy.mean([point.mean_loss for point in run.points if point.epoch == epoch]) for epoch in range(1, 7)]
        self.assertTrue(numpy.allclose(losses, means, rtol=1e-3))
        self.check(tab)

    def test_the_cursor_goes_by_keys_and_pointer(self):
        lossd = self.start()
        self.trained(lossd, "cursor", epochs=2)
        tab = self.open(lossd.url)
        tab.wait(_READY)
        tab.evaluate("document.getElementById('cursor').focus()")
        tab.press("Home")
        tab.wait("document.getElementById('cursor-text').innerText.startsWith('step 0,')")
        run = lossd.runs.GetRun(runs_pb2.GetRunRequest(run="cursor")).run
        self.assertAlmostEqual(numbers(tab.texts("#loss b"))[0], run.points[0].mean_loss, 3)
        tab.press("ArrowRight")
        tab.wait("document.getElementById('cursor-text').innerText.startsWith('step 1,')")
        self.assertIn("loss", tab.evaluate("document.getElementById('cursor').getAttribute('aria-valuetext')"))
        self.check(tab)

    def test_a_token_is_asked_for_and_shows_its_own_runs(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tokens") as file:
            for name, role in (("one", ""), ("two", ""), ("chief", " admin")):
                file.write(f"{name} {hashlib.sha256(f'of {name}'.encode()).hexdigest()}{role}\n")
            file.flush()
            lossd = self.start("--token-file", file.name)
            for name in ("one", "two"):
                lossd.record(f"run-of-{name}", 0, [[0.5, 0]] * 4, [0, 1, 0, 1], range(4),
                             metadata=[("authorization", f"Bearer of {name}")])
            tab = self.open(lossd.url)
            tab.wait("!document.getElementById('token-form').hidden")
            self.picture(tab, "token")
            if os.path.exists(_AXE):
                self.assertEqual(tab.axe(_AXE), [])
            for token, runs in (("of nobody", None), ("of one", ["run-of-one"]), ("of chief", ["run-of-one", "run-of-two"])):
                tab.evaluate("sessionStorage.clear(); history.replaceState(null, '', '/'); location.reload(); 0")
                tab.wait("document.readyState === 'complete' && !document.getElementById('token-form').hidden")
                self.assertEqual(tab.evaluate("document.activeElement.id"), "token")
                tab.type(token)
                tab.press("Enter", text="\r")
                if runs is None:
                    tab.wait("document.getElementById('token-fault').innerText !== ''")
                    continue
                tab.wait(_READY)
                self.assertEqual(sorted(tab.texts("#runs .name")), runs)
            # The browser itself notes each 401.
            self.assertEqual([fault for fault in tab.faults if "401" not in fault], [])

    def test_a_stop_does_not_wait_for_who_looks(self):
        lossd = Lossd()
        tab = self.open(lossd.url)
        tab.wait("!document.getElementById('empty').hidden")
        begin = time.monotonic()
        self.assertEqual(lossd.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)
        tab.wait("document.getElementById('connection').innerText.startsWith('Lost')")

    def test_looks(self):
        lossd = self.start()
        for name, rate in (("focal/lr-0.1", 0.1), ("focal/lr-0.5", 0.5), ("focal/lr-2.5", 2.5)):
            self.trained(lossd, name, rate, epochs=24)
        tab = self.open(f"{lossd.url}#run=focal%2Flr-2.5")
        tab.wait(_READY)
        for scheme in ("light", "dark"):
            tab.look(scheme=scheme)
            time.sleep(0.5)
            self.picture(tab, f"run-{scheme}")
            self.check(tab)
        tab.look(width=390, height=844)
        time.sleep(0.5)
        self.assertLessEqual(tab.evaluate("document.documentElement.scrollWidth"), 390)
        self.picture(tab, "small")
        self.check(tab)
        tab.look(width=1920, height=1080)
        time.sleep(0.5)
        self.picture(tab, "wide")

    def test_a_million_samples(self):
        lossd = self.start()
        record_million(lossd, "million")
        tab = self.open(lossd.url)
        tab.wait(_READY)
        self.assertEqual(self.facts(tab)["Samples"], "1,000,000")
        self.picture(tab, "million")
        self.check(tab)


def make_picture(path):
    """Makes the picture that the pages show: three learning rates, while the last one trains."""
    lossd, browser = Lossd(), Browser()
    try:
        for name, rate in (("focal/lr-0.1", 0.1), ("focal/lr-0.5", 0.5)):
            Training(lossd, name, rate).epochs(24, of=24)
        training = Training(lossd, "focal/lr-2.5", 2.5)
        training.epochs(23, of=24)
        tab = browser.open(f"{lossd.url}#run=focal%2Flr-2.5", width=1280, height=1000)
        tab.wait(_READY)
        thread = threading.Thread(target=training.epochs, args=(1, 24))
        thread.start()
        thread.join()
        tab.wait("[...document.querySelectorAll('#facts dd')].some((one) => one.innerText === '96,000')")
        tab.picture(path, whole=False)
    finally:
        browser.stop()
        lossd.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--picture"]:
        make_picture(sys.argv[2])
    else:
        unittest.main(verbosity=2)
