// What changes something asks first: in a dialog where there is one, else on a page of its own.

export function askBeforeActing(dialog) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-confirm]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    dialog.dataset.asked = link.getAttribute("href");
    ask(dialog, link.href);
  });
  dialog.addEventListener("click", (event) => {
    const isOutside = event.target === dialog;
    if (!isOutside && !event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  // While it was open, the link that was pressed may have been replaced by a newer one.
  dialog.addEventListener("close", () => {
    const focused = document.activeElement;
    if (focused !== document.body && !dialog.contains(focused)) return;
    const links = [...document.querySelectorAll("a[data-confirm]")];
    const same = links.find((one) => one.getAttribute("href") === dialog.dataset.asked);
    same?.focus({ preventScroll: true });
  });
  // Once is enough, however often somebody presses.
  dialog.addEventListener("submit", ({ target }) => {
    for (const button of target.querySelectorAll("button")) button.disabled = true;
  });
}

async function ask(dialog, url) {
  try {
    const response = await fetch(url, {
      credentials: "same-origin",
      redirect: "error",
      headers: { "X-Requested-With": "fetch" },
    });
    if (!response.ok) throw new Error(response.statusText);
    dialog.innerHTML = await response.text();
    // Only now is there a title to be named by.
    dialog.setAttribute("aria-labelledby", "confirm-title");
    dialog.showModal();
  } catch {
    // The page of its own says what is the matter.
    location.assign(url);
  }
}
