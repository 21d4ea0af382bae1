"""Plays the steps of one case against a running server and returns the answers, not yet normalised."""

import gzip
import http.client
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

import dns_packet
import kinds
from layout import layout, parse
from normal import drop
from server import children, patience

# How a body is framed is the connection's affair; that it is framed well, the client sees to.
FRAMING = ("content-length", "transfer-encoding")
DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
UNTIL_SECONDS = patience(8.0)


def compared_headers(pairs):
    """{name as sent: value, or all its values}. A good Date is left out; one that is not, or none, is told."""
    found, dated = {}, False
    for name, value in pairs:
        if name.lower() == "date" and not dated:
            dated = True
            if not DATE.fullmatch(value):
                found[name] = value
        elif name.lower() not in FRAMING:
            found.setdefault(name, []).append(int(value) if name == "X-Consul-Index" and value.isdigit() else value)
    if not dated:
        found["no Date"] = True
    return {name: values[0] if isinstance(values, list) and len(values) == 1 else values for name, values in sorted(found.items())}


class Player:
    def __init__(self, server, command):
        self.server = server
        self.command = command  # the CLI to run, a list
        self.captured = {}
        self.running = {}

    def play(self, steps):
        answers = []
        for step in steps:
            try:
                answer = getattr(self, "play_" + step["kind"])(step)
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
                answer = {"failed": f"{type(error).__name__}: {error}"}
            if answer is not None:
                answers.append(answer)
        return answers

    def fill(self, text):
        if isinstance(text, bytes) or text is None:
            return text
        for name, value in self.captured.items():
            text = text.replace(f"<<{name}>>", str(value))
        return text.replace("<<host>>", f"127.0.0.1:{self.server.ports['http']}")

    # ---- HTTP

    def play_http(self, step):
        deadline = time.monotonic() + patience(step.get("seconds", UNTIL_SECONDS))
        while True:
            answer, body = self.ask(step)
            wanted = step.get("until")
            if wanted is None or time.monotonic() > deadline:
                return answer
            text = body.decode(errors="replace")
            if text and (re.search(wanted, text, re.S) is not None):
                return answer
            time.sleep(0.1)

    def ask(self, step):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.ports["http"], timeout=patience(30))
        try:
            started = time.monotonic()
            body = self.fill(step["body"])
            body = body.encode() if isinstance(body, str) else body
            connection.putrequest(step["method"], self.fill(step["path"]), skip_accept_encoding=True)
            for name, value in step.get("headers", {}).items():
                connection.putheader(name, self.fill(value))
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            elif step["method"] in ("PUT", "POST", "DELETE"):
                connection.putheader("Content-Length", "0")
            connection.endheaders(body)
            response = connection.getresponse()
            if step.get("head_only"):  # an endless stream: the body is not waited for
                return {"status": response.status, "headers": self.headers(response)}, b""
            content = response.read()
            took = (time.monotonic() - started) * 1000
        finally:
            connection.close()
        return self.answer(step, response, content, took), content

    @staticmethod
    def headers(response):
        return compared_headers(response.getheaders())

    def answer(self, step, response, content, took):
        headers = self.headers(response)
        if headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        answer = {"status": response.status, "headers": headers}
        if step.get("no_headers"):
            del answer["headers"]
        parsed = self.shape(step, content, answer)
        for name, source in step.get("capture", {}).items():
            self.captured[name] = self.pick(source, headers, parsed)
        if "took" in step:
            least, most = step["took"]
            answer["in time"] = "yes" if least <= took <= most else f"{took:.0f} ms, not {least} to {most}"
        return answer

    @staticmethod
    def pick(source, headers, parsed):
        kind, _, path = source.partition(":")
        if kind == "header":
            return headers[path]
        value = parsed
        for part in path.split(".") if path else []:
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value

    @staticmethod
    def shape(step, content, answer):
        text = content.decode(errors="backslashreplace")
        try:
            parsed = parse(text)
        except ValueError:
            parsed = None
        if isinstance(parsed, (dict, list)):
            shown = drop(parsed, step.get("drop", ()))
            if "/v1/catalog/services" in step["path"] and isinstance(shown, dict):
                # The order of the tags is that of a Go map: any.
                shown = {name: sorted(tags) if isinstance(tags, list) else tags for name, tags in shown.items()}
            if "sort" in step and isinstance(shown, list):
                shown = sorted(shown, key=lambda row: str(row.get(step["sort"])) if isinstance(row, dict) else str(row))
            if "metrics" in step and isinstance(shown, dict):
                shown = kinds.metrics(shown, step["metrics"])
            answer["json"] = kinds.by_kind(shown, step.get("kinds", {}))
            answer["layout"] = layout(text)
        else:
            length = step.get("prefix")
            answer["text"] = text if length is None else text[:length]
        return parsed

    def play_background(self, step):
        done = {}

        def run():
            try:
                done["answer"] = self.ask(step["request"])[0]
            except (OSError, http.client.HTTPException) as error:
                done["answer"] = {"failed": str(error)}

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.running[step["name"]] = (thread, done)
        time.sleep(0.3)  # the request must be waiting at the server before the next step

    def play_join(self, step):
        thread, done = self.running.pop(step["name"])
        thread.join(patience(30) + 1)
        return done.get("answer", {"failed": "no answer within 30 s"})

    def play_pause(self, step):
        time.sleep(step["seconds"])

    # ---- bytes on a socket

    def play_raw(self, step):
        answers, ended = [], False
        with socket.create_connection(("127.0.0.1", self.server.ports["http"]), timeout=patience(5)) as connection:
            try:
                for number, chunk in enumerate(step["chunks"]):
                    if number:
                        time.sleep(0.1)
                    connection.sendall(chunk.replace(b"<<host>>", self.fill("<<host>>").encode()))
            except OSError:
                pass  # the server may have closed already; its answer is still read
            connection.settimeout(patience(step["wait"]))
            received = b""
            while True:
                answers, rest = split_answers(received)
                if len(answers) >= step["answers"] and not ended:
                    connection.settimeout(0.3)
                try:
                    piece = connection.recv(65536)
                except (TimeoutError, socket.timeout):
                    break
                except OSError:
                    ended = True
                    break
                if not piece:
                    ended = True
                    break
                received += piece
        answers, rest = split_answers(received, ended)
        for answer in answers:
            if step.get("prefix") is not None:
                answer["text"] = answer["text"][:step["prefix"]]
        return {"answers": answers, "rest": rest.decode(errors="replace"), "closed": ended}

    # ---- DNS

    def play_dns(self, step):
        deadline = time.monotonic() + UNTIL_SECONDS
        while True:
            answer = dns_packet.take_apart(*self.exchange(step))
            wanted = step.get("until")
            if wanted is None or time.monotonic() > deadline:
                break
            if wanted == answer["rcode"] or (wanted == "answers" and answer["answer"]):
                break
            time.sleep(0.1)
        if step.get("count_only"):
            for name in ("answer", "additional"):
                if name in answer:
                    answer[name] = len(answer[name])
        return answer

    def exchange(self, step):
        packet = step.get("packet") or dns_packet.question(
            self.fill(step["qname"]), step["qtype"], step.get("edns", 0), subnet=step.get("subnet"),
            recursion=step.get("recursion", True), ident=step.get("ident", 4711), edns_flags=step.get("edns_flags", 0))
        address = ("127.0.0.1", self.server.ports["dns"])
        if step.get("tcp"):
            with socket.create_connection(address, timeout=patience(5)) as connection:
                connection.sendall(len(packet).to_bytes(2, "big") + packet)
                stream = connection.makefile("rb")
                return stream.read(int.from_bytes(stream.read(2), "big")), packet
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(patience(5))
            connection.sendto(packet, address)
            return connection.recv(65536), packet

    # ---- CLI

    def play_cli(self, step):
        environment = {**os.environ, "CONSUL_HTTP_ADDR": f"127.0.0.1:{self.server.ports['http']}", **step.get("env", {})}
        with tempfile.TemporaryDirectory() as folder:
            for name, text in step.get("files", {}).items():
                with open(os.path.join(folder, name), "w") as file:
                    file.write(text)
            run = children.start(self.command + [self.fill(a) for a in step["arguments"]], cwd=folder, env=environment,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                out, err = run.communicate(step.get("stdin", "").encode(), timeout=patience(step.get("seconds", 20)))
                code = run.returncode
            except subprocess.TimeoutExpired:
                run.kill()
                out, err = run.communicate()
                code = "still running"
        answer = {"stdout": out.decode(errors="replace"), "stderr": err.decode(errors="replace"), "exit": code}
        if "kinds" in step:
            answer["stdout"] = kinds.by_kind(kinds.sections(answer["stdout"]), step["kinds"])
        for name in step.get("loose", ()):
            answer[name] = "<some text>" if answer[name] else ""
        if step.get("sorted"):
            answer["stdout"] = "\n".join(sorted(answer["stdout"].split("\n")))
        return answer


def split_answers(received, ended=False):
    """The complete HTTP answers in a byte stream: status, selected headers, body; and what is left over."""
    answers = []
    while True:
        head, found, rest = received.partition(b"\r\n\r\n")
        if not found:
            return answers, received
        lines = head.decode("latin-1").split("\r\n")
        pairs = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines[1:]]
        fields = {name.lower(): value for name, value in pairs}
        status = lines[0].split(" ")
        if len(status) < 2 or not status[1].isdigit():
            return answers, received
        if "content-length" in fields:
            length = int(fields["content-length"])
            if len(rest) < length:
                return answers, received
            body, received = rest[:length], rest[length:]
        elif fields.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size, found, rest = rest.partition(b"\r\n")
                if not found:
                    return answers, received
                count = int(size, 16)
                if len(rest) < count + 2:
                    return answers, received
                body, rest = body + rest[:count], rest[count + 2:]
                if count == 0:
                    break
            received = rest
        elif status[1].startswith("1"):
            body, received = b"", rest
        elif ended or fields.get("connection") == "close":
            if not ended:
                return answers, received
            body, received = rest, b""
        else:
            body, received = b"", rest
        answers.append({"line": lines[0], "headers": compared_headers(pairs), "text": body.decode(errors="replace")})
