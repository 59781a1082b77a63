// How far a synchronisation is, asked again while the page is looked at.

const place = document.getElementById("progress");
const PAUSE = 2000;

async function look() {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.url, { credentials: "same-origin" });
    if (answer.ok && !answer.redirected) place.innerHTML = await answer.text();
}

setInterval(() => look().catch(() => {}), PAUSE);
