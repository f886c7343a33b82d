"""
YAML text becomes nodes, one parser event at a time.

The events come from libyaml; its composer and constructor are not used. So the limits hold before
anything is built (a nesting of thousands or a bomb of aliases ends at the first event too many),
every node has its place, and what a definition never needs is refused where it stands: anchors,
aliases, merge keys, tags, directives, several documents, duplicate keys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import yaml

from pipeline.config.document.nodes import Entry, ListNode, MapNode, Node, ScalarNode
from pipeline.config.problems import Place, Problem, Problems, split_lines

if TYPE_CHECKING:
    from pipeline.config.problems import DocumentPath

__all__ = ["MAX_DEPTH", "MAX_NODES", "compose"]

MAX_DEPTH: Final = 20
MAX_NODES: Final = 10_000

_REST_OF_LINE: Final = 1_000_000
_LOST_FIELD: Final = re.compile(r"[ \t]+#\{")
_BARE_TEMPLATE: Final = re.compile(r"(?<![\"'])\{\w[\w.]*(:-[^}]*)?\}")
_BARE_VARIABLE: Final = re.compile(r"[\[{,:]\s*\$\{")
_VARIABLE_ADVICE: Final = (
    "between { } or [ ], put `${VAR}` in quotes if it is text, and else on a line of its own"
)
_LAYOUT_ADVICE = "keys side by side begin in one column; brackets and quotes are closed"
_TEMPLATE_ADVICE: Final = 'a template needs quotes here: "USER#{user_id}"'


def compose(text: str, problems: Problems) -> Node | None:
    """
    Return the root of the only document in *text*, or None when there is none to go on with.

    What is wrong goes to *problems*. After a syntax error or a broken limit nothing more of the
    file can be judged, and the result is None.
    """
    lines = split_lines(text)
    composer = _Composer(text, lines, problems)
    try:
        return composer.document()
    except yaml.MarkedYAMLError as error:
        problems.add(_syntax_problem(error, lines))
    except yaml.reader.ReaderError as error:
        problems.add(_character_problem(error, text))
    except _LimitError as error:
        problems.add(error.problem)
    return None


class _Mark(Protocol):
    """A mark of libyaml's or of PyYAML's own scanner; both count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _LimitError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Composer:
    def __init__(self, text: str, lines: list[str], problems: Problems) -> None:
        self._parser = yaml.CSafeLoader(text)
        self._lines = lines
        self._problems = problems
        self._count = 0

    def document(self) -> Node | None:
        self._next()  # the start of the stream
        start = self._next()
        if not isinstance(start, yaml.DocumentStartEvent):
            return None
        if start.version or start.tags:
            self._problems.add(
                Problem(_place(start), (), "YAML directives are refused; remove the `%` line")
            )
        root = self._node(self._next(), ())
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            message = "a second document starts here; a definition is one document"
            self._problems.add(Problem(_place(after), (), message))
        return root

    def _next(self) -> yaml.Event:
        event = self._parser.get_event()
        if event is None:
            raise AssertionError("read past the end of the YAML stream")
        return event

    def _node(self, event: yaml.Event, path: DocumentPath) -> Node:
        place = _place(event)
        self._check_limits(place, path)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            return self._nothing(Problem(place, path, "aliases (`*name`) are refused; repeat it"))
        if event.anchor is not None:
            self._problems.add(Problem(place, path, "anchors (`&name`) are refused; remove it"))
        if event.tag is not None:
            message = 'tags (`!name`) are refused; for text, use quotes: "10"'
            self._problems.add(Problem(place, path, message))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place, path)
        return self._map(place, path)

    def _check_limits(self, place: Place, path: DocumentPath) -> None:
        self._count += 1
        if len(path) > MAX_DEPTH:
            raise _LimitError(Problem(place, (), f"nested deeper than {MAX_DEPTH} levels"))
        if self._count > MAX_NODES:
            raise _LimitError(Problem(place, (), f"more than {MAX_NODES:,} keys and values"))

    def _nothing(self, problem: Problem) -> ScalarNode:
        self._problems.spoil(problem)
        return ScalarNode("", plain=True, place=problem.place)

    def _scalar(self, event: yaml.ScalarEvent, place: Place, path: DocumentPath) -> ScalarNode:
        plain = not event.style  # '' from libyaml, None from the Python parser
        line, column = _position(event.end_mark)
        if plain and event.value and _LOST_FIELD.match(self._lines[line], column):
            message = f"` #` starts a comment, so the field is lost; {_TEMPLATE_ADVICE}"
            return self._nothing(Problem(place, path, message))
        return ScalarNode(event.value, plain=plain, place=place)

    def _list(self, place: Place, path: DocumentPath) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return ListNode(tuple(items), place)

    def _map(self, place: Place, path: DocumentPath) -> MapNode:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            following = self._next()
            if key is None:
                if not isinstance(following, yaml.AliasEvent):  # of a merge key: told already
                    self._node(following, (*path, "?"))
                continue
            value = self._node(following, (*path, key.text))
            if key.text in entries:
                first = entries[key.text].place.line
                message = f"duplicate key `{key.text}`: it already stands on line {first}"
                self._problems.add(Problem(key.place, (*path, key.text), message))
            else:
                entries[key.text] = Entry(key.place, value)
        return MapNode(entries, place)

    def _key(self, event: yaml.Event, path: DocumentPath) -> ScalarNode | None:
        node = self._node(event, (*path, "?"))
        if not isinstance(node, ScalarNode):
            self._problems.add(Problem(node.place, path, "a key must be text"))
            return None
        if node.plain and node.text == "<<":
            message = "merge keys (`<<`) are refused; write the keys out"
            self._problems.add(Problem(node.place, path, message))
            return None
        return node


def _place(event: yaml.Event) -> Place:
    line, column = _position(event.start_mark)
    end_line, end_column = _position(event.end_mark)
    width = end_column - column if end_line == line else _REST_OF_LINE
    return Place(line + 1, column + 1, max(1, width))


def _syntax_problem(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem:
    line, column = _position(error.problem_mark)
    begun, begun_column = _position(error.context_mark)
    if error.context_mark and not any(lines[line:]):  # found at the end: show where it began
        line, column = begun, begun_column
    message = f"YAML syntax: {error.problem}"
    if error.context and begun != line:
        message += f" ({error.context} from line {begun + 1})"
    text = lines[line] if line < len(lines) else ""
    if "\t" in text[: column + 1]:
        message += "; a tab is no indentation in YAML, use spaces"
    elif _BARE_VARIABLE.search(text):
        message += f"; {_VARIABLE_ADVICE}"
    elif _BARE_TEMPLATE.search(text):
        message += f"; {_TEMPLATE_ADVICE}"
    elif "expected" in message:
        message += f"; {_LAYOUT_ADVICE}"
    return Problem(Place(line + 1, column + 1), (), message)


def _character_problem(error: yaml.reader.ReaderError, text: str) -> Problem:
    before = text.encode()[: error.position].decode(errors="ignore")  # libyaml counts bytes
    lines = split_lines(before)
    message = f"character U+{ord(text[len(before)]):04X} is not allowed in YAML"
    return Problem(
        Place(len(lines), len(lines[-1]) + 1),
        (),
        f"{message}; in double quotes, write it as an escape",
    )


def _position(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line, mark.column) if mark else (0, 0)
