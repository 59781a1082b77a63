// The week, drawn by FullCalendar (MIT, beside this file's folder in vendor/). Times come as the
// organization's clock shows them, without an offset, and are shown as they come.

import { watch } from "./watch.js";

const NARROW = matchMedia("(width < 48rem)");
const LABELS = { booked: "", cancelled: "cancelled", busy: "taken by others" };

const root = document.getElementById("week");
const problem = document.getElementById("week-problem");
const { feed, zone, book } = root.dataset;

function now() {
    const shown = new Intl.DateTimeFormat("sv-SE", {
        timeZone: zone, dateStyle: "short", timeStyle: "medium",
    }).format();
    return shown.replace(" ", "T");
}

function described(event) {
    const { calendar, place, people, problem: trouble, state } = event.extendedProps;
    return [event.title, place, people, calendar, LABELS[state], trouble].filter(Boolean).join("\n");
}

function mounted({ event, el }) {
    el.title = described(event);
}

function show(error) {
    problem.hidden = !error;
    problem.textContent = error ? "The week could not be read. It is tried again." : "";
}

function booked(info) {
    if (!book) {
        return;
    }
    const [day, at] = info.dateStr.split("T");
    const query = info.allDay ? { day, duration: 0 } : { day, at: at.slice(0, 5) };
    location.assign(`${book}?${new URLSearchParams(query)}`);
}

const calendar = new FullCalendar.Calendar(root, {
    initialView: NARROW.matches ? "listWeek" : "timeGridWeek",
    headerToolbar: { start: "prev,next today", center: "title", end: "timeGridWeek,dayGridMonth,listWeek" },
    buttonText: { today: "Today", week: "Week", month: "Month", list: "List" },
    timeZone: zone,
    now,
    nowIndicator: true,
    firstDay: 1,
    locale: "en-GB",
    height: "auto",
    allDayText: "all day",
    slotMinTime: "07:00",
    slotMaxTime: "22:00",
    scrollTime: "08:00",
    expandRows: true,
    slotEventOverlap: false,
    eventDisplay: "block",
    displayEventEnd: false,
    dayMaxEvents: true,
    navLinks: true,
    noEventsText: "Nothing in these days.",
    eventTimeFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    views: { timeGridWeek: { dayHeaderFormat: { weekday: "short", day: "numeric", month: "short" } } },
    events: { url: feed, success: () => show(false), failure: () => show(true) },
    eventDidMount: mounted,
    dateClick: booked,
});

calendar.render();
NARROW.addEventListener("change", () => {
    calendar.changeView(NARROW.matches ? "listWeek" : "timeGridWeek");
});
watch(() => calendar.refetchEvents());
