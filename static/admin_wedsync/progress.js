// How far a synchronisation or an import is, asked again while the page is looked at.

const place = document.getElementById("progress");
const PAUSE = 2000;

async function look() {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.url, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const fresh = document.createElement("div");
    fresh.innerHTML = await answer.text();
    // The rest of the page has more to say once it is over.
    if (fresh.querySelector("[data-over]")) location.reload();
    // Where nothing is new, whoever has the focus keeps it.
    if (fresh.textContent !== place.textContent) place.replaceChildren(...fresh.childNodes);
}

setInterval(() => look().catch(() => {}), PAUSE);
