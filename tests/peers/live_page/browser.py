"""A Chromium without a window, driven over a pipe by the protocol of its developer tools."""

import base64
import itertools
import json
import os
import queue
import subprocess
import tempfile
import threading
import time


class Browser:
    """A Chromium of one's own, with an empty profile."""

    def __init__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        # No sandbox: the tests run as root, and open nothing but lossd's page.
        arguments = ["chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                     "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-dev-shm-usage",
                     "--disable-component-update", "--disable-extensions", "--force-color-profile=srgb",
                     "--hide-scrollbars", f"--user-data-dir={self._profile.name}", "about:blank"]
        self._log = open(os.path.join(self._profile.name, "stderr"), "w", encoding="utf-8")
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "chromium", *arguments],
            pass_fds=(to_browser, from_browser), stdout=self._log, stderr=self._log)
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._waiting = {}
        self._tabs = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with os.fdopen(self._answers, "rb") as pipe:
            rest = b""
            while chunk := pipe.read1(1 << 20):
                *messages, rest = (rest + chunk).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._waiting.pop(message["id"]).put(message)
                    elif message.get("sessionId") in self._tabs:
                        self._tabs[message["sessionId"]].take(message["method"], message["params"])

    def send(self, method, session=None, **params):
        """Returns the result of a command."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        answer = self._waiting[number] = queue.Queue()
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        told = answer.get(timeout=120)
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        return told["result"]

    def open(self, url, **looks):
        """Returns a tab that shows the page."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self._tabs[session] = Tab(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.send(f"{domain}.enable")
        tab.look(**looks)
        tab.send("Page.navigate", url=url)
        tab.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        return tab

    def stop(self):
        try:
            self.send("Browser.close")
            self._process.wait(timeout=30)
        finally:
            self._process.kill()
            self._process.wait()
            self._log.close()
            self._profile.cleanup()


class Tab:
    """A page in the browser."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self._session = browser, target, session
        self.faults = []  # what the page's console has of errors and warnings

    def send(self, method, **params):
        return self._browser.send(method, self._session, **params)

    def take(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.faults.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.faults.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def look(self, width=1440, height=1000, scheme="light", scale=1):
        """Gives the page a size, and the colours that its reader likes."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])

    def evaluate(self, expression):
        """Returns the value of an expression of JavaScript, awaited if it is a promise."""
        told = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
                         allowUnsafeEvalBlockedByCSP=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def wait(self, expression, seconds=60):
        """Returns the value of the expression once it is true."""
        give_up = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > give_up:
                raise TimeoutError(f"not true after {seconds} s: {expression}; the console has {self.faults}")
            time.sleep(0.05)
        return value

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText)")

    def is_shown(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).checkVisibility()")

    def press(self, key, code=None, text=""):
        code = code or {"Enter": 13, "Tab": 9, " ": 32, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                      **({"text": text} if kind == "keyDown" and text else {}))

    def type(self, text):
        self.send("Input.insertText", text=text)

    def click(self, selector):
        """Clicks in the middle of what the selector finds, with the mouse."""
        x, y = self.evaluate(f"""(() => {{
          const one = document.querySelector({json.dumps(selector)});
          one.scrollIntoView({{block: "center"}});
          const {{left, top, width, height}} = one.getBoundingClientRect();
          return [left + width / 2, top + height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, path, whole=True):
        """Writes what the page looks like to a PNG file: all of it, or what the window shows."""
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(told["data"]))

    def axe(self, script):
        """Returns the faults that axe-core finds, by WCAG 2.2 AA and its best practices."""
        self.send("Page.setBypassCSP", enabled=True)
        with open(script, encoding="utf-8") as file:
            self.evaluate(f"window.axe ? true : (() => {{ {file.read()}; return true; }})()")
        return self.evaluate("""axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
          violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target + " " + node.failureSummary).join("; ")}`))""")

    def close(self):
        self._browser.send("Target.closeTarget", targetId=self._target)
