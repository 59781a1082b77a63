// One key for each decision: a form with data-key is sent when its key is pressed.

const forms = new Map([...document.querySelectorAll("form[data-key]")].map((one) => [one.dataset.key, one]));

document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=radio]), textarea, select, [contenteditable]");
    if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const form = forms.get(event.key.toLowerCase());
    if (!form) return;
    event.preventDefault();
    // Once: a second press must not decide about the next pair.
    forms.clear();
    form.requestSubmit();
});
