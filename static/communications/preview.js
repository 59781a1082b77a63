// How the message will look to the first of its recipients.

import { $, h, icon } from "./dom.js";
import { documentOf, htmlFrame } from "./html.js";

export class Preview {
  constructor(fields, recipients) {
    this.fields = fields;
    this.recipients = recipients;
    this.frame = htmlFrame("", { title: "Preview of the HTML version", remote: true });
    this.show(null);
  }

  show(result) {
    if (result?.answer) this.card(result.answer);
    else this.pending(result?.problem);
  }

  card(answer) {
    const others = this.recipients.list.length - 1;
    const also = others > 0 ? ` and ${others} ${others === 1 ? "other" : "others"}, each on their own` : "";
    $("preview").replaceChildren(
      ...(answer.refusal ? [refused(answer.refusal)] : []),
      answer.language_reason ? h("p", { class: "letter-hint" }, answer.language_reason) : "",
      h(
        "article",
        { class: "letter", data: { channel: this.fields.channel } },
        h("p", { class: "letter-to" }, h("span", {}, "To "), answer.to, h("span", {}, also)),
        answer.subject ? h("p", { class: "letter-subject" }, answer.subject) : null,
        ...this.body(answer),
      ),
    );
  }

  body({ body, html }) {
    if (!html) return [h("div", { class: "letter-body" }, body)];
    const source = documentOf(html, true);
    // The same again would load again, and flicker.
    if (this.frame.srcdoc !== source) this.frame.srcdoc = source;
    const plain = body ? [h("p", { class: "letter-plain" }, "As plain text"), h("div", { class: "letter-body" }, body)] : [];
    return [this.frame, ...plain];
  }

  /** What is still to do, in the server's words once there is something to judge. */
  pending(problem) {
    const sentence = problem && !this.fields.isEmpty() ? problem.message : "";
    const hint = this.recipients.list.length
      ? "Write something, and this is where it shows."
      : "Choose a recipient and write something: this is where it shows.";
    if (this.fields.template) return this.unfilled(sentence || hint);
    $("preview").replaceChildren(
      h("div", { class: "letter letter-empty" }, h("p", {}, sentence || hint)),
    );
  }

  /** The template with what is filled in so far. */
  unfilled(sentence) {
    const { subject, body } = this.fields.template;
    const { filling } = this.fields;
    $("preview").replaceChildren(
      h("p", { class: "letter-hint" }, sentence),
      h(
        "article",
        { class: "letter", data: { channel: this.fields.channel } },
        subject ? h("p", { class: "letter-subject" }, filling.filled(subject)) : null,
        h("div", { class: "letter-body" }, filling.filled(body)),
      ),
    );
  }
}

const refused = (why) =>
  h(
    "p",
    { class: "alert" },
    icon("warning"),
    h("span", {}, h("strong", {}, "It will not be sent. "), why),
  );
