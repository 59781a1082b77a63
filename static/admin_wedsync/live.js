// Keeps a message's page true while one looks at it.
//
// The stream says that something happened to the message; the page then fetches its own part again,
// drawn by the same template. Frames may come twice and that harms nothing; none is missed, because
// every connection begins after the last id that was seen.

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30000;

const region = document.getElementById("live");
const { message, fragment } = region.dataset;
let since = region.dataset.since;
let pause = FIRST_PAUSE;
let state = { name: "connecting", text: "Connecting …" };
let connected = false;
let fetching = false;
let again = false;

function show(name, text) {
    state = { name, text };
    draw();
}

function draw() {
    const indicator = region.querySelector("[data-live-indicator]");
    indicator.hidden = false;
    indicator.dataset.state = state.name;
    indicator.textContent = state.text;
}

function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/status/?since=${since}`);
    socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
    socket.addEventListener("close", reconnect);
}

function hear(frame) {
    if (frame.type === "ready") {
        since = frame.last_id;
        pause = FIRST_PAUSE;
        connected = true;
        show("live", "Live");
    } else if (frame.type === "resync") {
        refresh();
    } else if (frame.type === "status") {
        since = Math.max(since, frame.id);
        if (frame.message === message) {
            refresh();
        }
    }
}

function reconnect() {
    connected = false;
    show("away", "Not connected, trying again …");
    // Not all browsers at once when a server comes back.
    setTimeout(connect, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
}

// One fetch at a time; what arrives meanwhile asks for exactly one more.
async function refresh() {
    if (fetching) {
        again = true;
        return;
    }
    fetching = true;
    do {
        again = false;
        try {
            await swap();
        } catch {
            show("away", "Could not be updated: reload the page.");
        }
    } while (again);
    fetching = false;
}

async function swap() {
    const response = await fetch(fragment, { credentials: "same-origin", redirect: "error" });
    if (!response.ok) {
        throw new Error(response.statusText);
    }
    const open = [...region.querySelectorAll("details[open]")].map((one) => one.id);
    const hadFocus = region.contains(document.activeElement);
    region.innerHTML = await response.text();
    for (const id of open) {
        document.getElementById(id)?.setAttribute("open", "");
    }
    if (hadFocus) {
        // The button that was pressed may be gone: stay in this part of the page.
        region.tabIndex = -1;
        region.focus({ preventScroll: true });
    }
    if (connected) {
        show("live", "Live");
    } else {
        draw();
    }
}

show("connecting", "Connecting …");
connect();
