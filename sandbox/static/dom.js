// Building elements. Text only ever enters as text: mails and webhooks are written by strangers.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// Puts new contents in place without losing the keyboard's place or the scroll position.
export function refill(container, ...children) {
  const key = document.activeElement?.closest("[data-key]")?.dataset.key;
  const inside = container.contains(document.activeElement);
  const { scrollTop } = container;
  container.replaceChildren(...children.flat());
  container.scrollTop = scrollTop;
  if (inside && key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

// Up and down move through a list of buttons.
export function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...event.currentTarget.querySelectorAll("button.row")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

export function clock(iso) {
  const moment = new Date(iso);
  const today = moment.toDateString() === new Date().toDateString();
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  return today
    ? moment.toLocaleTimeString([], time)
    : moment.toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
}

export function when(iso) {
  return h("time", { dateTime: iso, title: iso }, clock(iso));
}

export function empty(title, text) {
  return h("div", { className: "empty" }, h("p", { className: "empty-title" }, title), h("p", {}, text));
}

export function words(name) {
  return String(name).replaceAll("_", " ");
}
