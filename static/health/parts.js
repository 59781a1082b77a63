// Swaps what changed and leaves the rest alone: focus, selection and charts stay where they are.

export class Parts {
  constructor(region) {
    this.region = region;
    // As the server sent them; scripts write times and charts into those on the page.
    this.sent = new Map(found(region).map((part) => [part.dataset.part, part.outerHTML]));
  }

  swap(html) {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const names = found(fresh.content).map((part) => part.dataset.part);
    if (names.join() !== [...this.sent.keys()].join()) this.replaceAll(fresh);
    else for (const part of found(fresh.content)) this.replace(part);
  }

  /** Parts came or went: their places are the server's business. */
  replaceAll(fresh) {
    this.sent = new Map(found(fresh.content).map((part) => [part.dataset.part, part.outerHTML]));
    this.keepingFocus(() => this.region.replaceChildren(...fresh.content.childNodes));
  }

  replace(part) {
    const name = part.dataset.part;
    if (this.sent.get(name) === part.outerHTML) return;
    this.sent.set(name, part.outerHTML);
    const old = found(this.region).find((one) => one.dataset.part === name);
    this.keepingFocus(() => old.replaceWith(part));
  }

  keepingFocus(change) {
    const focused = this.region.contains(document.activeElement) ? document.activeElement : null;
    const name = focused?.dataset.focus;
    const link = focused?.getAttribute("href");
    change();
    if (!focused || this.region.contains(document.activeElement)) return;
    const same = [...this.region.querySelectorAll("a, button")].find((one) =>
      name ? one.dataset.focus === name : link && one.getAttribute("href") === link,
    );
    // What was pressed may be gone: stay in this part of the page.
    this.region.tabIndex = -1;
    (same ?? this.region).focus({ preventScroll: true });
  }
}

const found = (root) => [...root.querySelectorAll("[data-part]")];
