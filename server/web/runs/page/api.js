// What the page asks of lossd. A token stays in the tab's session, and goes out in a header alone.

const KEY = "lossd-token";

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const dropToken = () => sessionStorage.removeItem(KEY);
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

async function ask(path, signal) {
  const response = await fetch(path, { headers: headers(), signal, cache: "no-store" });
  if (response.ok) return response;
  let told = {};
  try {
    told = await response.json();
  } catch {
    // Something between here and lossd has answered.
  }
  throw new ApiError(response.status, told.code ?? "", told.message ?? `HTTP ${response.status}`);
}

/** Returns the answer of api/`name` to these fields; undefined ones are left out. */
export async function get(name, fields = {}, signal = undefined) {
  const parameters = new URLSearchParams();
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined && value !== "") parameters.set(field, value);
  }
  return (await ask(`api/${name}?${parameters}`, signal)).json();
}

/** Yields the events of a stream as {event, data}. */
async function* events(stream) {
  let text = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = { event: "message", data: "" };
      for (const line of text.slice(0, end).split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
      }
      text = text.slice(end + 2);
      if (event.data) yield event;
    }
  }
}

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Calls `told(answer)` with ListRunsResponse whenever a run has changed, and `state(word, error)` when the
 * connection has: "live", "polling" where lossd has no room for another stream, or "lost". Returns
 * when the signal ends it, or a token is asked for, which is the error that it throws.
 * EventSource can send no header: the stream is read by fetch.
 */
export async function watch(told, state, signal) {
  for (let pause = 1000; !signal.aborted; pause = Math.min(2 * pause, 15000)) {
    try {
      const response = await ask("api/watch", signal);
      for await (const { event, data } of events(response.body)) {
        const answer = JSON.parse(data);
        if (event === "error") throw new ApiError(0, answer.code, answer.message);
        pause = 500;
        state("live");
        told(answer);
      }
      state("lost");
    } catch (error) {
      if (signal.aborted || error.status === 401) throw error;
      if (error.status === 429) {
        state("polling");
        try {
          told(await get("runs", { page_size: 1000 }, signal));
          pause = 2500;
        } catch (later) {
          if (later.status === 401) throw later;
        }
      } else {
        state("lost", error);
      }
    }
    await wait(pause);
  }
}
