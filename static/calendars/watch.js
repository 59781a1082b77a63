// Says when it is time to look again. Today it is a clock that stands still while nobody looks; a
// source of frames can take its place here, and no page would notice.

const PAUSE = 4000;

/** Calls `look` now and then, one call at a time, and at once when the page is looked at again. */
export function watch(look) {
    let timer = 0;
    let looking = false;

    async function round() {
        clearTimeout(timer);
        if (document.hidden || looking) {
            return;
        }
        looking = true;
        try {
            await look();
        } catch {
            // Looked at again in a moment.
        }
        looking = false;
        timer = setTimeout(round, PAUSE);
    }

    document.addEventListener("visibilitychange", round);
    timer = setTimeout(round, PAUSE);
}
