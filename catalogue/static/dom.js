// Building pages: elements are made one by one, and whatever comes from the data only ever becomes text.

const ATTRIBUTES = /^(?:class|id|type|value|for|name|role|title|lang|dir|open|disabled|checked|selected|hidden|tabindex|placeholder|autocomplete|spellcheck|enterkeyhint|inputmode|scope|colspan|datetime|rows|cols|readonly|download|rel|target|maxlength|min|max|width|height|viewBox|d|aria-[a-z]+|data-[a-z]+)$/;
// Marks that turn the direction of writing, and control characters: they could make a title look like something else.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Text of the data as it may be shown. */
export function clean(text) {
  return String(text ?? "").replace(UNSEEN, "");
}

/** An element. props: attributes; `href`: an address that `local` or `outside` has looked at; `on`: listeners. Children: elements and texts. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "href") {
      element.setAttribute("href", local(value));
    } else if (ATTRIBUTES.test(name)) {
      element.setAttribute(name, value === true ? "" : String(value));
    } else {
      throw new Error(`no attribute of ours: ${name}`);
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : clean(child));
  }
}

/** An address inside of the catalogue or of the datasets beside it. Throws for any other. */
export function local(href) {
  const url = new URL(href, document.baseURI);
  if (url.origin !== location.origin || !/^https?:$/.test(url.protocol)) throw new Error(`no address of ours: ${href}`);
  return href;
}

/** A link to a page elsewhere: only http and https, and that page is told nothing. Another address is shown as text. */
export function outside(address, label) {
  const text = clean(address);
  let url = null;
  try {
    url = new URL(text);
  } catch {
    /* no address: text */
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return h("span", { class: "address" }, label ?? text);
  const link = h("a", { class: "address", rel: "noopener noreferrer nofollow", target: "_blank" }, label ?? text);
  link.href = url.href;
  return link;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** A table of values: head: texts; rows: lists of texts and elements; numbers: which columns stand right. */
export function grid(caption, head, rows, numbers = []) {
  const cells = (tag, values) => values.map((v, i) => h(tag, { class: numbers.includes(i) ? "n" : null, scope: tag === "th" ? "col" : null }, v));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "away" }, caption), h("thead", {}, h("tr", {}, cells("th", head))), h("tbody", {}, rows.map((r) => h("tr", {}, cells("td", r))))),
  );
}

/** A button that copies a text and says so. */
export function copier(text, words) {
  const button = h("button", { type: "button", class: "small" }, words.copy);
  button.addEventListener("click", async () => {
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      // without https there is no clipboard: the old way
      const area = h("textarea", { class: "away", readonly: true, tabindex: "-1" }, text);
      document.body.append(area);
      area.value = text;
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    button.textContent = done ? words.copied : words.failed;
    setTimeout(() => (button.textContent = words.copy), 1600);
  });
  return button;
}
