// Elements without markup strings: whatever a message says ends up as text.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** h("p", {class: "hint", onclick: …, data: {id: 1}}, "text", child, …); null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name, label = "") {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const title = document.createElementNS(SVG, "title");
    title.textContent = label;
    svg.prepend(title);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  return svg;
}

export function debounce(work, wait, longest = Infinity) {
  let timer = 0;
  let first = 0;
  return (...given) => {
    const now = Date.now();
    first ||= now;
    clearTimeout(timer);
    timer = setTimeout(() => {
      first = 0;
      work(...given);
    }, Math.max(0, Math.min(wait, first + longest - now)));
  };
}
