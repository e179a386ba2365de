// Elements and texts. What comes from the server becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Returns an element of HTML with these attributes and children; texts are children, too. */
export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** Returns an element of SVG in the same way. */
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets the text of an element, if it is another: screen readers are told of changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to screen readers, politely. */
export const say = (text) => setText(byId("status"), text);

/** Returns a table; `head` are texts, and the first entry of each row is its header. */
export function table(caption, head, rows) {
  return html("table", {}, html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...head.map((text) => html("th", { scope: "col" }, text)))),
    html("tbody", {}, ...rows.map((row) => html("tr", {}, ...row.map((text, i) =>
      i === 0 ? html("th", { scope: "row" }, text) : html("td", {}, text))))));
}

/** Fills a <details> with what `make` returns: when it is opened, and now if it is open. */
export function fillWhenOpen(details, name, make) {
  details.make = () => {
    const scroll = html("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": name }, make());
    const before = details.querySelector(".scroll");
    const [left, top] = before ? [before.scrollLeft, before.scrollTop] : [0, 0];
    before?.remove();
    details.append(scroll);
    scroll.scrollTo(left, top);
  };
  details.ontoggle = () => { if (details.open) details.make(); };
  // What a reader is in the middle of stays as it is.
  if (details.open && !details.contains(document.activeElement)) details.make();
}
