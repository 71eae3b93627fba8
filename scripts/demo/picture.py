# SPDX-License-Identifier: Apache-2.0
"""Draws one answer: the camera's picture with outlined masks, and what the answer's evidence says it measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from . import camera, judge, trajectory
from .scene import World

SCALE = 2
COLOURS = ((255, 92, 51), (51, 153, 255), (80, 200, 90), (230, 190, 40))


def compose(world: World, result: dict[str, Any], caption: str, debug: NDArray[np.uint8] | None, path: Path) -> None:
    """Writes a PNG: the evidence drawn onto the exposure it names and, when given, the node's own debug image."""
    evidence = result["evidence"]
    nanos = max((judge.nanos_of(e["header"]["stamp"]) for e in evidence), default=0)
    frame = camera.render(world, nanos * 1e-9)
    picture = Image.fromarray(_outlined(world, frame, {e["label"] for e in evidence}))
    picture = picture.resize((camera.WIDTH_PX * SCALE, camera.HEIGHT_PX * SCALE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(20)
    for idx, item in enumerate(evidence):
        colour = COLOURS[idx % len(COLOURS)]
        at = judge.nanos_of(item["header"]["stamp"]) * 1e-9
        roi = item["roi"]
        if roi["width"] and roi["height"]:
            corners = [
                roi["x_offset"],
                roi["y_offset"],
                roi["x_offset"] + roi["width"],
                roi["y_offset"] + roi["height"],
            ]
            draw.rectangle([c * SCALE for c in corners], outline=colour, width=2)
            draw.text(
                (corners[0] * SCALE, corners[1] * SCALE - 26),
                item["label"],
                fill=colour,
                font=font,
                stroke_width=2,
                stroke_fill=(0, 0, 0),
            )
        pixels = _pixels(item["points"], item["header"]["frame_id"], at)
        if len(pixels) == 2:
            draw.line([tuple(p) for p in pixels], fill=(255, 255, 255), width=3)
        for u, v in pixels:
            draw.ellipse((u - 6, v - 6, u + 6, v + 6), fill=colour, outline=(255, 255, 255), width=2)
    _caption(draw, caption, font)
    if debug is not None:
        side = Image.fromarray(debug)
        side = side.resize((int(side.width * picture.height / side.height), picture.height), Image.Resampling.LANCZOS)
        _caption(ImageDraw.Draw(side), "the node's debug image", font, top=side.height - 36)  # its own title is above
        both = Image.new("RGB", (picture.width + side.width + 8, picture.height), (255, 255, 255))
        both.paste(picture, (0, 0))
        both.paste(side, (picture.width + 8, 0))
        picture = both
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def decode(message: Any) -> NDArray[np.uint8] | None:
    """The pixels of an rgb8 or bgr8 sensor_msgs/Image, ``None`` for another encoding."""
    if message.encoding not in ("rgb8", "bgr8"):
        return None
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * 3].reshape(message.height, message.width, 3)
    return pixels[:, :, ::-1].copy() if message.encoding == "bgr8" else pixels.copy()


def _outlined(world: World, frame: camera.Frame, named: set[str]) -> NDArray[np.uint8]:
    rgb = frame.rgb.copy()
    same = np.ones(frame.labels.shape, dtype=bool)
    same[1:] &= frame.labels[1:] == frame.labels[:-1]
    same[:, 1:] &= frame.labels[:, 1:] == frame.labels[:, :-1]
    rgb[~same] = (40, 40, 40)
    for label in {i for n in named for i in world.labels(judge.bare(n))}:
        mask = frame.labels == label
        rgb[mask] = (0.6 * rgb[mask] + 0.4 * np.array([255, 255, 255])).astype(np.uint8)
    return rgb


def _pixels(points: list[dict[str, float]], frame: str, t_secs: float) -> NDArray[np.float64]:
    if not points:
        return np.empty((0, 2))
    map_from_frame = trajectory.map_from_frame(frame, t_secs)
    xyz = np.array([[p["x"], p["y"], p["z"]] for p in points])
    in_map = xyz @ map_from_frame[:3, :3].T + map_from_frame[:3, 3]
    return (camera.project(in_map, t_secs)[:, :2] + 0.5) * SCALE


def _caption(draw: ImageDraw.ImageDraw, text: str, font: Any, top: int = 0) -> None:
    draw.rectangle((0, top, 12 + draw.textlength(text, font=font) + 12, top + 36), fill=(20, 20, 20))
    draw.text((12, top + 6), text, fill=(255, 255, 255), font=font)
