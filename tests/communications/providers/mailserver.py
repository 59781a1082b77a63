"""A small SMTP server on loopback that says what a test tells it to say."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

USUAL = {
    "EHLO": "250-mail.example\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 Welcome",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 Go ahead",
    ".": "250 Queued",
    "QUIT": "221 Bye",
    "RSET": "250 OK",
}
# Instead of an answer: the connection is closed without a word.
CUT = ""


@dataclass
class Post:
    """What arrived. `steps` is everything that was asked, in its order."""

    port: int = 0
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    answers: Mapping[str, str]
    post: Post


class Handler(socketserver.StreamRequestHandler):
    timeout = 5
    server: Server

    def handle(self) -> None:
        if not self.say(self.server.answers.get("", "220 mail.example")):
            return
        while line := self.rfile.readline().decode():
            step = line[:4].strip().upper()
            if not self.take(step, line):
                return

    def take(self, step: str, line: str) -> bool:
        """False once the connection is to be closed."""
        post = self.server.post
        post.steps.append(step)
        if step == "RCPT":
            post.recipients.append(line.strip())
        if not self.answer(step):
            return False
        if step == "DATA" and self.server.answers["DATA"].startswith("354"):
            return self.read_mail()
        return step != "QUIT"

    def read_mail(self) -> bool:
        lines = []
        while (line := self.rfile.readline().decode()) not in {".\r\n", ""}:
            lines.append(line)
        if self.server.answers["."].startswith("250"):
            self.server.post.mails.append("".join(lines))
        return self.answer(".")

    def answer(self, step: str) -> bool:
        return self.say(self.server.answers.get(step, "502 What?"))

    def say(self, words: str) -> bool:
        if words != CUT:
            self.wfile.write(f"{words}\r\n".encode())
        return words != CUT


@contextmanager
def mailserver(**answers: str) -> Iterator[Post]:
    """``mailserver(RCPT="550 No such user")``; `end_of_data` is what it says to the mail itself."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.post = Post(port=server.server_address[1])
        names = {"greeting": "", "end_of_data": "."}
        server.answers = USUAL | {names.get(name, name): said for name, said in answers.items()}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.post
        finally:
            server.shutdown()
            thread.join(5)
