// Free times beside the form, asked of the calendars themselves. What nobody can tell is said.

const form = document.getElementById("booking");
const list = document.getElementById("offers");
const PAUSE = 400;
const FEW = 8;
let asked = 0;
let timer = 0;

function query() {
    const data = new FormData(form);
    const found = new URLSearchParams({
        day: data.get("day") || today(),
        duration: data.get("duration"),
        calendar: form.dataset.calendar ?? data.get("calendar"),
    });
    if (form.dataset.moving) {
        found.set("moving", form.dataset.moving);
    }
    for (const one of data.getAll("also_free")) {
        found.append("also_free", one);
    }
    return found;
}

function today() {
    return new Date().toLocaleDateString("sv-SE");
}

function say(text, kind = "ws-subtle") {
    const line = document.createElement("p");
    line.className = kind;
    line.textContent = text;
    list.append(line);
}

async function ask() {
    const mine = (asked += 1);
    if (Number(form.elements.duration.value) === 0) {
        list.replaceChildren();
        say("Free times are offered for less than a day.");
        return;
    }
    list.replaceChildren();
    say("Asking the calendars …");
    let told;
    try {
        const response = await fetch(`${form.dataset.offers}?${query()}`, { redirect: "error" });
        told = await response.json();
    } catch {
        told = { days: [], unknown: [], problem: "The calendars could not be asked." };
    }
    if (mine === asked) {
        draw(told);
    }
}

function draw({ days = [], unknown = [], problem = "", detail = "" }) {
    list.replaceChildren();
    for (const one of unknown) {
        say(`Nobody can tell when this one is free, so nothing is offered. ${one}`, "ws-unknown");
    }
    if (problem || detail) {
        say(problem || detail, "ws-unknown");
    } else if (!days.length && !unknown.length) {
        say("Nothing is free in the seven days from then on.");
    }
    list.append(...days.map(drawDay));
}

function drawDay({ day, name, times }) {
    const group = document.createElement("div");
    group.className = "ws-offer-day";
    const title = document.createElement("h4");
    title.textContent = name;
    const chips = document.createElement("div");
    chips.className = "ws-offer-times";
    chips.append(...times.map((at) => chip(day, name, at)));
    group.append(title, chips);
    if (times.length > FEW) {
        chips.classList.add("ws-few");
        group.append(more(chips, times.length - FEW));
    }
    return group;
}

function chip(day, name, at) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ws-offer";
    button.textContent = at;
    button.setAttribute("aria-label", `${name}, ${at}`);
    button.setAttribute("aria-pressed", String(chosen(day, at)));
    button.addEventListener("click", () => choose(button, day, at));
    return button;
}

function more(chips, count) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ws-more";
    button.textContent = `${count} more`;
    button.addEventListener("click", () => {
        chips.classList.remove("ws-few");
        button.remove();
    });
    return button;
}

function chosen(day, at) {
    return form.elements.day.value === day && form.elements.at.value === at;
}

function choose(button, day, at) {
    form.elements.day.value = day;
    form.elements.at.value = at;
    for (const one of list.querySelectorAll(".ws-offer")) {
        one.setAttribute("aria-pressed", String(one === button));
    }
}

function later() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
}

if (form && list) {
    for (const name of ["day", "duration", "calendar", "also_free"]) {
        for (const one of [form.elements[name] ?? []].flatMap((each) => each.forEach ? [...each] : each)) {
            one.addEventListener("change", later);
        }
    }
    ask();
}
