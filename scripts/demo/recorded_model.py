# SPDX-License-Identifier: Apache-2.0
"""A chat-completions server that answers from recorded replies, and helps to record them. It needs no ROS.

``--play DIR`` answers the n-th request of a conversation with ``DIR/<conversation>/<n>.md`` (the reply's text) or
``<n>.json`` (``{"content": TEXT, "tool_calls": [{"name": ..., "arguments": {...}}]}``). Which conversation runs is
said before it starts: ``POST /v1/conversation {"name": "code/cloth"}``. Where no reply is recorded, the request is
refused with status 400 and the name of the file that is missing.

Where a request declares functions or wants an object of a schema, recorded text is put in that form.

``--record DIR`` is the same with people at work: every request is also written to ``--requests`` (the JSON without the
pictures' bytes, the same as text to read, and each picture as a file), and a missing reply is waited for.

Usage is counted here, since nothing is tokenised: 4 bytes of text are one token, read or written (message texts, names
and arguments of function calls, function declarations and schemas; no JSON syntax around them), and 32 x 32 px of a
picture, begun ones included, are one token. Nothing is cached between requests.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import math
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

BYTES_PER_TOKEN = 4
TOKEN_EDGE_PX = 32
PIECE_CHARS = 200  # of text in one event of a stream
MAX_REQUEST_BYTES = 64 << 20
NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
DATA_URI = re.compile(r"data:image/(png|jpeg);base64,(.*)", re.S)
JSON_BLOCK = re.compile(r"```json\n(.*?)\n```", re.S)
CELL = re.compile(
    r"\*\*Purpose\*\*(?P<purpose>.*?)\*\*Reasoning\*\*(?P<reasoning>.*?)\*\*Next Goal\*\*(?P<next_goal>.*?)"
    r"\*\*Code\*\*\s*```\w*\n(?P<code>.*?)\n```",
    re.S,
)

Json = dict[str, Any]


class NoReply(Exception):
    """There is no recorded reply to a request; the message says where one is expected."""


class BadRequest(Exception):
    """The request is not one that this server understands."""


@dataclass
class Exchange:
    """What one request cost."""

    n_request_bytes: int
    n_prompt_tokens: int
    n_completion_tokens: int
    secs: float  # from the whole request's arrival to the last byte of the reply


@dataclass
class Conversation:
    """One goal's exchanges, in order."""

    name: str
    exchanges: list[Exchange] = field(default_factory=list)
    missing: str = ""  # why the conversation stopped, when a reply was missing
    n_requests: int = 0


class Recordings:
    """The replies on disk and the conversation that runs. Safe to use from several threads."""

    def __init__(self, replies: Path, requests: Path | None = None, wait_secs: float = 0.0) -> None:
        self.replies, self.requests, self.wait_secs = replies, requests, wait_secs
        self._lock = threading.Lock()
        self.now = Conversation("unnamed")

    def begin(self, name: str) -> Conversation:
        """Starts a conversation: the next request is its first."""
        if not NAME.fullmatch(name):
            raise BadRequest(f"conversation {name!r} is not of the form {NAME.pattern}")
        with self._lock:
            self.now = Conversation(name)
            return self.now

    def next_turn(self) -> tuple[Conversation, int]:
        """The conversation that runs and the number of its next request, from 1."""
        with self._lock:
            self.now.n_requests += 1
            return self.now, self.now.n_requests

    def reply(self, name: str, turn: int) -> Json:
        """The recorded reply: ``content`` and ``tool_calls``. Waits for it, when recording."""
        stem = self.replies / name / f"{turn:02}"
        end = time.monotonic() + self.wait_secs
        while True:
            if (found := _read_reply(stem)) is not None:
                return found
            if time.monotonic() >= end:
                raise NoReply(f"no reply is recorded: expected {stem}.md or {stem}.json")
            time.sleep(0.2)

    def keep_request(self, name: str, turn: int, request: Json) -> None:
        """Writes a request so that a person can read it and see its pictures."""
        if self.requests is None:
            return
        folder = self.requests / name
        folder.mkdir(parents=True, exist_ok=True)
        light, pictures = _without_pictures(request, f"{turn:02}")
        for file, data in pictures.items():
            (folder / file).write_bytes(data)
        (folder / f"{turn:02}.request.json").write_text(json.dumps(light, indent=1, ensure_ascii=False) + "\n")
        (folder / f"{turn:02}.request.md").write_text(_as_text(light))


def _read_reply(stem: Path) -> Json | None:
    text, structured = stem.parent / f"{stem.name}.md", stem.parent / f"{stem.name}.json"
    if text.is_file():
        return {"content": text.read_text(encoding="utf-8"), "tool_calls": []}
    if structured.is_file():
        data = json.loads(structured.read_text(encoding="utf-8"))
        return {"content": data.get("content", ""), "tool_calls": data.get("tool_calls", [])}
    return None


def _without_pictures(request: Json, stem: str) -> tuple[Json, dict[str, bytes]]:
    pictures: dict[str, bytes] = {}

    def light(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: light(value) for key, value in node.items()}
        if isinstance(node, list):
            return [light(item) for item in node]
        if isinstance(node, str) and (found := DATA_URI.match(node)):
            file = f"{stem}.picture-{len(pictures) + 1}.{found.group(1).replace('jpeg', 'jpg')}"
            pictures[file] = base64.b64decode(found.group(2))
            return file
        return node

    return light(request), pictures


def _as_text(request: Json) -> str:
    lines = [f"settings: {json.dumps({k: v for k, v in request.items() if k not in ('messages', 'tools')})}", ""]
    for tool in request.get("tools", []):
        lines.append(f"function {json.dumps(tool.get('function', tool), ensure_ascii=False)}")
    for message in request["messages"]:
        lines += ["", f"======== {message['role']}"]
        content = message.get("content") or ""
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            lines.append(part["text"] if part["type"] == "text" else f"[picture {part['image_url']['url']}]")
        lines += [f"calls {json.dumps(call['function'], ensure_ascii=False)}" for call in message.get("tool_calls", [])]
    return "\n".join(lines) + "\n"


def in_asked_form(reply: Json, request: Json) -> Json:
    """The same reply as native function calls or as an object of a schema, where the request asks for that.

    Calls are recorded as a JSON block, cells under Markdown headings. A strict server names every declared argument,
    so those that were left out become null.
    """
    declared = {tool["function"]["name"]: tool["function"]["parameters"] for tool in request.get("tools", [])}
    block = JSON_BLOCK.search(reply["content"])
    if declared and not reply["tool_calls"] and block:
        said = json.loads(block.group(1))
        calls = [
            {"name": call["name"], "arguments": _with_nulls(call["arguments"], declared.get(call["name"], {}))}
            for call in said["calls"]
        ]
        return {"content": said["purpose"], "tool_calls": calls}
    cell = CELL.search(reply["content"])
    schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema", {})
    if "code" in schema.get("properties", {}) and cell:
        names = ("purpose", "reasoning", "next_goal", "code")
        said = {name: cell.group(name).strip() for name in names}
        return {**reply, "content": json.dumps(said, ensure_ascii=False)}
    return reply


def _with_nulls(value: Any, schema: Json) -> Any:
    if isinstance(value, list):
        items = next((s["items"] for s in (schema, *schema.get("anyOf", [])) if "items" in s), {})
        return [_with_nulls(item, items) for item in value]
    if not isinstance(value, dict):
        return value
    fitting = (s for s in (schema, *schema.get("anyOf", [])) if value.keys() <= s.get("properties", {}).keys())
    properties = next(fitting, {}).get("properties", {})
    names = [*value, *(name for name in properties if name not in value)]
    return {name: _with_nulls(value.get(name), properties.get(name, {})) for name in names}


def n_text_tokens(text: str) -> int:
    """Tokens that a text counts as here."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)


def n_prompt_tokens(request: Json) -> int:
    """Tokens that a request counts as here: all that a model would read of it."""
    total = 0
    for message in request["messages"]:
        content = message.get("content") or ""
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            total += n_text_tokens(part["text"]) if part["type"] == "text" else _n_picture_tokens(part)
        for call in message.get("tool_calls", []):
            total += n_text_tokens(call["function"]["name"] + call["function"]["arguments"])
    for declared in (*request.get("tools", []), request.get("response_format")):
        total += n_text_tokens(json.dumps(declared)) if declared else 0
    return total


def _n_picture_tokens(part: Json) -> int:
    found = DATA_URI.match(part["image_url"]["url"])
    if not found:
        raise BadRequest("a picture is no data URI of a PNG or JPEG")
    with Image.open(io.BytesIO(base64.b64decode(found.group(2)))) as image:
        return math.ceil(image.width / TOKEN_EDGE_PX) * math.ceil(image.height / TOKEN_EDGE_PX)


def _n_reply_tokens(reply: Json) -> int:
    calls = (call["name"] + json.dumps(call["arguments"]) for call in reply["tool_calls"])
    return sum(map(n_text_tokens, (reply["content"], *calls)))


class RecordedModel(ThreadingHTTPServer):
    """The server. ``recordings`` says what runs and what it cost."""

    daemon_threads = True

    def __init__(self, recordings: Recordings, host: str = "127.0.0.1", port: int = 0) -> None:
        self.recordings = recordings
        super().__init__((host, port), _Handler)

    def start(self) -> None:
        """Serves in a thread of its own until ``shutdown``."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RecordedModel

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/v1/models":
            return self._json(200, {"object": "list", "data": [{"id": "recorded", "object": "model"}]})
        self._error(404, f"there is no {self.path}")

    def do_POST(self) -> None:
        started = time.monotonic()
        try:
            length = int(self.headers.get("Content-Length", "-1"))
            if not 0 <= length <= MAX_REQUEST_BYTES:
                raise BadRequest(f"Content-Length is {length}, expected 0 to {MAX_REQUEST_BYTES}")
            body = json.loads(self.rfile.read(length))
            if self.path == "/v1/conversation":
                self.server.recordings.begin(str(body["name"]))
                return self._json(200, {})
            if self.path != "/v1/chat/completions":
                return self._error(404, f"there is no {self.path}")
            self._complete(body, length, started)
        except (BadRequest, NoReply, KeyError, TypeError, ValueError) as problem:
            self._error(400, f"{problem}" if isinstance(problem, (BadRequest, NoReply)) else repr(problem))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _complete(self, request: Json, length: int, started: float) -> None:
        recordings = self.server.recordings
        conversation, turn = recordings.next_turn()
        recordings.keep_request(conversation.name, turn, request)
        n_prompt = n_prompt_tokens(request)
        try:
            reply = in_asked_form(recordings.reply(conversation.name, turn), request)
        except NoReply as problem:
            conversation.missing = str(problem)
            raise
        n_written = _n_reply_tokens(reply)
        usage = {"prompt_tokens": n_prompt, "completion_tokens": n_written, "total_tokens": n_prompt + n_written}
        calls = [
            {
                "id": f"call_{turn}_{idx}",
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
            }
            for idx, call in enumerate(reply["tool_calls"])
        ]
        head = {"id": f"{conversation.name}-{turn}", "created": int(time.time()), "model": request.get("model", "")}
        reason = "tool_calls" if calls else "stop"
        # Noted before the last byte goes out, so that whoever has the answer finds it.
        cost = Exchange(length, n_prompt, n_written, time.monotonic() - started)
        conversation.exchanges.append(cost)
        if request.get("stream"):
            self._stream(head, reply["content"], calls, reason, usage, request)
        else:
            message = {"role": "assistant", "content": reply["content"], **({"tool_calls": calls} if calls else {})}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            self._json(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        cost.secs = time.monotonic() - started

    def _stream(self, head: Json, text: str, calls: list[Json], reason: str, usage: Json, request: Json) -> None:
        head = {**head, "object": "chat.completion.chunk"}
        pieces: list[Json] = [{"role": "assistant", "content": ""}]
        pieces += [{"content": text[at : at + PIECE_CHARS]} for at in range(0, len(text), PIECE_CHARS)]
        pieces += [{"tool_calls": [{"index": idx, **call}]} for idx, call in enumerate(calls)]
        events: list[Json] = [{**head, "choices": [{"index": 0, "delta": p, "finish_reason": None}]} for p in pieces]
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (request.get("stream_options") or {}).get("include_usage"):
            events.append({**head, "choices": [], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in (*map(json.dumps, events), "[DONE]"):
            event = f"data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"message": message, "type": "invalid_request_error", "code": status}})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        return


def main(argv: list[str] | None = None) -> int:
    """Entry point: ``python -m demo.recorded_model``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--play", type=Path, metavar="DIR", help="answer from the replies in this folder")
    mode.add_argument("--record", type=Path, metavar="DIR", help="the same, and wait for missing replies")
    parser.add_argument("--requests", type=Path, default=Path("out/requests"), help="where --record writes requests")
    parser.add_argument("--wait", type=float, default=600.0, help="seconds for which --record waits for a reply")
    parser.add_argument("--port", type=int, default=18777)
    args = parser.parse_args(argv)
    if args.play:
        recordings = Recordings(args.play)
    else:
        recordings = Recordings(args.record, args.requests, args.wait)
    server = RecordedModel(recordings, port=args.port)
    print(f"serving {args.play or args.record} at http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
