// A dialog that is docked beside the list where there is room, and covers it where there is not.

const wide = matchMedia("(min-width: 1100px)");
const panels = [];

export class Panel {
  constructor(dialog) {
    this.dialog = dialog;
    this.opener = null;
    panels.push(this);
    dialog.querySelector("[data-close]").addEventListener("click", () => this.close());
    dialog.addEventListener("close", () => this.onClose());
    document.addEventListener("keydown", (event) => this.onKey(event));
    // Beside the panel: only the backdrop of a dialog has the dialog itself as its target.
    dialog.addEventListener("click", (event) => event.target === dialog && this.close());
    wide.addEventListener("change", () => this.isOpen && this.present());
  }

  get isOpen() {
    return this.dialog.open;
  }

  /** Focus goes back to `opener` when it closes. */
  open(opener = document.activeElement) {
    // From inside a panel something else is opened: what opened that panel is what is left.
    const before = panels.find((panel) => panel.dialog.contains(opener));
    this.opener = before?.opener ?? opener;
    for (const other of panels) if (other !== this && other.isOpen) other.dismiss();
    this.present();
  }

  present() {
    if (this.isOpen) this.dialog.close();
    this.dialog.classList.toggle("docked", wide.matches);
    if (wide.matches) this.dialog.show();
    else this.dialog.showModal();
  }

  close() {
    this.dialog.close();
  }

  /** Closes without giving the focus back. */
  dismiss() {
    this.opener = null;
    this.dialog.close();
  }

  /** A modal dialog hears Escape by itself, a docked one does not. */
  onKey(event) {
    if (event.key !== "Escape" || event.defaultPrevented || !this.isOpen) return;
    if (event.target.type === "search" && event.target.value) return;
    event.preventDefault();
    this.close();
  }

  // The event comes after the call, when the dialog may be open again.
  onClose() {
    if (this.isOpen) return;
    const opener = this.opener;
    this.opener = null;
    if (opener?.isConnected && document.activeElement !== opener) opener.focus();
    this.dialog.dispatchEvent(new Event("closed"));
  }
}
