# SPDX-License-Identifier: Apache-2.0
"""The recorded model by itself, and two open questions through each action interface of the built node."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PIL_image = pytest.importorskip("PIL.Image", reason="scripts/demo/requirements.txt is not installed")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from demo.recorded_model import (  # noqa: E402
    BadRequest,
    RecordedModel,
    Recordings,
    in_asked_form,
    n_prompt_tokens,
)

REPLIES = ROOT / "scripts/demo/replies"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecordedModel]:
    folder = tmp_path / "replies/code/size"
    folder.mkdir(parents=True)
    (folder / "01.md").write_text("Größe: " + "x" * 500)
    call = {"name": "Scene_find", "arguments": {"name": "mug"}}
    (folder / "02.json").write_text(json.dumps({"tool_calls": [call]}))
    server = RecordedModel(Recordings(tmp_path / "replies", tmp_path / "requests"))
    server.start()
    yield server
    server.shutdown()
    server.server_close()


def post(server: RecordedModel, path: str, body: dict[str, Any]) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def question(stream: bool = False) -> dict[str, Any]:
    data = io.BytesIO()
    PIL_image.new("RGB", (640, 480)).save(data, "PNG")
    picture = {"url": "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()}
    content = [{"type": "text", "text": "How tall?"}, {"type": "image_url", "image_url": picture}]
    asked = {"model": "m", "messages": [{"role": "user", "content": content}], "stream": stream}
    return {**asked, "stream_options": {"include_usage": True}} if stream else asked


def test_replies_come_in_order_and_the_first_missing_one_is_named(server: RecordedModel, tmp_path: Path) -> None:
    assert post(server, "/v1/conversation", {"name": "code/size"})[0] == 200
    first = json.loads(post(server, "/v1/chat/completions", question())[1])
    assert first["choices"][0]["message"]["content"] == "Größe: " + "x" * 500
    # 9 bytes of question and 20 x 15 squares of picture; 9 + 500 bytes written.
    assert first["usage"] == {"prompt_tokens": 3 + 300, "completion_tokens": 128, "total_tokens": 431}
    second = json.loads(post(server, "/v1/chat/completions", question())[1])["choices"][0]
    assert second["finish_reason"] == "tool_calls"
    called = second["message"]["tool_calls"][0]["function"]
    assert (called["name"], json.loads(called["arguments"])) == ("Scene_find", {"name": "mug"})
    status, text = post(server, "/v1/chat/completions", question())
    assert status == 400 and "code/size/03.md" in json.loads(text)["error"]["message"]
    kept = tmp_path / "requests/code/size"
    assert {f.name for f in kept.iterdir() if f.name.startswith("01")} == {
        "01.request.json",
        "01.request.md",
        "01.picture-1.png",
    }
    assert "base64" not in (kept / "01.request.json").read_text()
    assert PIL_image.open(kept / "01.picture-1.png").size == (640, 480)


def test_a_stream_holds_the_same_reply_and_usage(server: RecordedModel) -> None:
    post(server, "/v1/conversation", {"name": "code/size"})
    lines = post(server, "/v1/chat/completions", question(stream=True))[1].split("\n\n")
    events = [line.removeprefix("data: ") for line in lines if line]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 128
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Größe: " + "x" * 500
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_recording_waits_for_a_reply(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, wait_secs=30.0)
    (tmp_path / "code").mkdir()
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(recordings.reply("code", 1)))
    waiting.start()
    (tmp_path / "code/01.md").write_text("late")
    waiting.join(timeout=20)
    assert found == [{"content": "late", "tool_calls": []}]


def test_a_conversation_cannot_leave_the_folder(tmp_path: Path) -> None:
    for name in ("../x", "/etc", "a/../b", ""):
        with pytest.raises(BadRequest):
            Recordings(tmp_path).begin(name)


def test_calls_and_declarations_count_as_read() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "abcd", "arguments": "{} {"}}
    messages = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    assert n_prompt_tokens({"messages": messages}) == 2
    assert n_prompt_tokens({"messages": messages, "tools": [{"n": 1}]}) == 2 + 2


def test_recorded_text_is_said_as_native_calls_and_by_schema() -> None:
    ref = {"type": "object", "properties": {"ref": {"type": "string"}}}
    options = {"anyOf": [{"properties": {"text": {}, "because": {"items": ref}, "unit": {}}}, {"type": "null"}]}
    function = {"name": "ReturnAnswer", "parameters": {"properties": {"value": {}, "options": options}}}
    said = {"purpose": "why", "calls": [{"name": "ReturnAnswer", "arguments": {"value": 1}}]}
    recorded = {"content": f"```json\n{json.dumps(said)}\n```\n", "tool_calls": []}
    native = in_asked_form(recorded, {"tools": [{"type": "function", "function": function}]})
    assert native["content"] == "why"
    assert native["tool_calls"] == [{"name": "ReturnAnswer", "arguments": {"value": 1, "options": None}}]
    said["calls"][0]["arguments"]["options"] = {"because": [{"ref": "r1"}]}
    recorded["content"] = f"```json\n{json.dumps(said)}\n```\n"
    native = in_asked_form(recorded, {"tools": [{"type": "function", "function": function}]})
    filled = {"because": [{"ref": "r1"}], "text": None, "unit": None}
    assert native["tool_calls"][0]["arguments"]["options"] == filled
    assert in_asked_form(recorded, {}) == recorded

    cell = "**Purpose**\na\n\n**Reasoning**\nb\n\n**Next Goal**\nc\n\n**Code**\n```rhai\nlet x = 1;\nprint(x);\n```\n"
    schema = {"json_schema": {"schema": {"properties": {"code": {"type": "string"}}}}}
    whole = in_asked_form({"content": cell, "tool_calls": []}, {"response_format": schema})
    expected = {"purpose": "a", "reasoning": "b", "next_goal": "c", "code": "let x = 1;\nprint(x);"}
    assert json.loads(whole["content"]) == expected


def test_every_recorded_reply_can_be_read_in_both_forms() -> None:
    files = sorted(REPLIES.glob("*/*/*.md"))
    assert len(files) > 90
    schema = {"response_format": {"json_schema": {"schema": {"properties": {"code": {}}}}}}
    tools = {"tools": [{"function": {"name": "ReturnAnswer", "parameters": {}}}]}
    for file in files:
        recorded = {"content": file.read_text(encoding="utf-8"), "tool_calls": []}
        way = file.relative_to(REPLIES).parts[0]
        if way == "tool_calls":
            assert in_asked_form(recorded, tools)["tool_calls"], file
        elif way == "no_tools":
            assert json.loads(recorded["content"])["reasoning"], file
        else:
            assert json.loads(in_asked_form(recorded, schema)["content"])["code"], file


def compare(out: Path, replies: Path, *args: str) -> subprocess.CompletedProcess[str]:
    for module in ("pybullet", "rclpy", "tf2_msgs.msg", "spatialclaw.action"):
        pytest.importorskip(module, reason=f"needs {module}: `make build` and scripts/demo/requirements.txt")
    command = [str(ROOT / "scripts/isolated.sh"), str(ROOT / "scripts/demo/session.sh")]
    command += ["--out", str(out), "--replies", str(replies), *args]
    env = {
        **os.environ,
        "DEMO_PYTHON": sys.executable,
        "DEMO_OUT": str(out),
        "DEMO_CLIENT": "demo.compare_interfaces",
        "DEMO_PARAMS": str(ROOT / "scripts/demo/interfaces_params.yaml"),
        "DEMO_SIM": "--rtf 1 --hold-after 12",
    }
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)


def test_two_questions_by_every_interface(tmp_path: Path) -> None:
    done = compare(tmp_path, REPLIES, "--only", "pass,rim", "--doc", str(tmp_path / "page.md"))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "interfaces.json").read_text(encoding="utf-8"))
    outcomes = {(r["interface"], r["key"]): r["outcome"] for r in rows}
    from demo.compare_interfaces import WAYS  # needs the package's interfaces

    measured = tuple(way for way in WAYS if way not in ("no_tools", "offline"))
    assert outcomes == {
        **{(i, k): "right" for i in measured for k in ("pass", "rim")},
        ("no_tools", "pass"): "right",
        ("no_tools", "rim"): "refused",
        ("offline", "pass"): "refused",
        ("offline", "rim"): "refused",
    }
    by_name = {(r["interface"], r["key"]): r for r in rows}
    for key, row in by_name.items():
        talks = key[0] != "offline"
        assert (row["n_requests"] > 0, row["n_sent_bytes"] > 10_000, row["n_prompt_tokens"] > 1000) == (talks,) * 3, key
        origin = row["result"]["provenance"]
        assert origin["n_prompt_tokens"] == row["n_prompt_tokens"], key
        assert origin["n_completion_tokens"] == row["n_completion_tokens"], key
    assert "| `code` | 2 | 0 | 0 |" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_a_wrong_reply_and_a_missing_one_are_noticed(tmp_path: Path) -> None:
    replies = tmp_path / "replies"
    shutil.copytree(REPLIES, replies)
    spoiled = replies / "no_tools/pass/01.md"
    spoiled.write_text(json.dumps({**json.loads(spoiled.read_text()), "answer": True}))
    (replies / "no_tools/rim/01.md").unlink()
    done = compare(tmp_path, replies, "--only", "pass,rim,row", "--interfaces", "no_tools")
    assert done.returncode == 1, done.stdout + done.stderr
    different = [line for line in done.stdout.splitlines() if line.startswith("DIFFERENT")]
    assert len(different) == 2, different
    assert "no_tools pass: wrong, expected right" in different[0]
    assert "no_tools rim: failed, expected refused" in different[1] and "no reply is recorded" in different[1]
