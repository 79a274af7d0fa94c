"""The pages whose examples are run: the blocks of code that stand there, and the programs that become of them.

Touches a hub named "demo" in a run directory of its own, and files in a directory that it is given. One thread.

In a page, a fenced block is
  LANGUAGE frame  what stands around the examples in this language from here on; they go where its line "..." stands.
                  A page that has none has those of queues.md
  LANGUAGE        an example: c, python or lua. One that brings libipc in by itself is a whole program, and has no frame
  text            what each of the examples before it prints, up to the text or heading before those
  console         commands of the shell behind "$ ", and what they print
An example with no text behind it in its section prints nothing. Each finds a hub that holds nothing.
"""

import os
import re
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATIENCE = 60.0
COMPILE = "cc -Wall -Wextra -Werror"
FRAMED = "queues.md"

SUFFIXES = {"c": "c", "python": "py", "lua": "lua"}
LANGUAGES = tuple(SUFFIXES)
WHOLE = re.compile(r"#include <ipc/ipc\.h>|^import libipc$|require \"libipc\"", re.MULTILINE)
PLACE = re.compile(r"^([ ]*)[^\w\n]*\.\.\.[^\w\n]*$", re.MULTILINE)
PIECE = re.compile(r"^(?:#{1,6} (?P<heading>[^\n]*)|```(?P<info>[^\n]*)\n(?P<code>.*?)^```)$", re.MULTILINE | re.DOTALL)

Example = namedtuple("Example", "page section language code output")


def framed(frame, code):
    """The frame with the code in its place, indented like that."""
    if WHOLE.search(code):
        return code
    place = PLACE.search(frame)
    before, after = frame[:place.start()], frame[place.end():].removeprefix("\n")
    return before + textwrap.indent(code, place[1]) + after


def pieces(page):
    """The headings and blocks of a page, in order: (heading, None, None) or (None, info, code)."""
    for found in PIECE.finditer((DOCS / page).read_text(encoding="utf-8")):
        yield found["heading"], found["info"], found["code"]


def frames_of(page):
    """The frames of a page, by their languages."""
    return {info.removesuffix(" frame"): code for _, info, code in pieces(page) if info and info.endswith(" frame")}


def examples(page):
    """The examples of a page, each with what it is to print."""
    found, waiting, frames, section = [], [], frames_of(FRAMED), ""

    def printed(output):
        found.extend(example._replace(output=output) for example in waiting)
        waiting.clear()

    for heading, info, code in pieces(page):
        if heading is not None:
            printed("")
            section = heading
        elif info == "text":
            printed(code)
        elif info == "console":
            found.append(Example(page, section, info, code, None))
        elif info.endswith(" frame"):
            frames[info.removesuffix(" frame")] = code
        else:
            assert info in LANGUAGES, f"{page}: {section}: nobody runs a block of {info!r}"
            waiting.append(Example(page, section, info, framed(frames[info], code), ""))
    printed("")
    return found


def title(example):
    return re.sub(r"\W+", "-", f"{example.page.removesuffix('.md')}-{example.section}-{example.language}").lower()


def run(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **kwargs)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def build(example, directory):
    """The command that runs an example."""
    source = directory / f"example.{SUFFIXES[example.language]}"
    source.write_text(example.code, encoding="utf-8")
    if example.language == "python":
        return [sys.executable, str(source)]
    if example.language == "lua":
        return [os.environ["LUA"], str(source)]
    run("sh", "-ec", f"{COMPILE} -o example example.c $(pkg-config --cflags --libs libipc)", cwd=directory)
    return [str(directory / "example")]


def check(example, directory):
    """Run an example, and hold what it prints against what the page says."""
    if example.language != "console":
        assert run(*build(example, directory)) == example.output
        return
    for part in re.split(r"^\$ ", example.code, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        assert run("bash", "-c", f"{{ {command}; }} 2>&1", env=dict(os.environ, LIBIPC_ADDRESS="demo")) == output
