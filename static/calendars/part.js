// Keeps parts of a page true while one looks at them: each is fetched again, drawn by the same
// template, and swapped only where it says something else.

import { watch } from "./watch.js";

const TOKEN = /name="csrfmiddlewaretoken" value="[^"]*"/g;

for (const region of document.querySelectorAll("[data-part]")) {
    let shown = "";
    watch(async () => {
        const response = await fetch(region.dataset.part, { redirect: "error" });
        if (!response.ok) {
            throw new Error(response.statusText);
        }
        const html = await response.text();
        const told = html.replaceAll(TOKEN, "");
        if (told !== shown) {
            swap(region, html);
            shown = told;
        }
    });
}

function swap(region, html) {
    // A question somebody is about to answer stays open, and a focus stays here.
    const open = [...region.querySelectorAll("details[open]")].map((one) => one.id);
    const hadFocus = region.contains(document.activeElement);
    region.innerHTML = html;
    for (const id of open) {
        document.getElementById(id)?.setAttribute("open", "");
    }
    if (hadFocus) {
        region.tabIndex = -1;
        region.focus({ preventScroll: true });
    }
}
