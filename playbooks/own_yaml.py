"""YAML changed at single places: PyYAML's parser says where each value stands, and the rest is left as it is."""

import json
from typing import Any

from playbooks.own_commas import HASHES, line_end, line_start, newline_of, put_in, taken_out
from playbooks.own_tree import MISSING, BrokenError, Child, Node, Steps, child_at, mapping_of, node_at, node_there

LINE_BREAKS = "\r\n"


def tree(text: str) -> Node | None:
    """The text as a tree; None if it holds nothing but comments. Raises BrokenError."""
    import yaml

    try:
        loader: Any = yaml.SafeLoader(text)  # Any: its types do not say how it is asked for events
        for wanted in (yaml.StreamStartEvent, yaml.DocumentStartEvent):
            if not isinstance(loader.get_event(), wanted):
                return None
        root = node(loader, text, {})
        loader.get_event()
        if not loader.check_event(yaml.StreamEndEvent):
            raise BrokenError("a second document begins there", loader.peek_event().start_mark.index)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BrokenError(error.problem or "it is no YAML", mark.index if mark else None) from None
    except yaml.YAMLError as error:
        raise BrokenError(str(error).splitlines()[0], getattr(error, "position", None)) from None
    is_empty = root.kind == "scalar" and root.start == root.end
    return None if is_empty else root


def node(loader: Any, text: str, anchors: dict[str, Node]) -> Node:
    """The next value. Raises BrokenError, YAMLError."""
    import yaml

    event = loader.get_event()
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.AliasEvent):
        known = anchors.get(str(event.anchor))
        if known is None:
            raise BrokenError(f"*{event.anchor} has no anchor before it", start)
        return Node("scalar", start, end, known.value, last=end, alias=True)
    if isinstance(event, yaml.ScalarEvent):
        made = scalar(loader, event, text)
    else:
        children = children_of(loader, text, anchors, is_mapping=isinstance(event, yaml.MappingStartEvent))
        made = collection(text, event, loader.get_event(), children)
    if event.anchor:
        anchors[event.anchor] = made
    return made


def scalar(loader: Any, event: Any, text: str) -> Node:
    """A single value: as PyYAML means it; of a tag that it does not know, its text."""
    import yaml

    tag = event.tag if event.tag not in (None, "!") else loader.resolve(yaml.ScalarNode, event.value, event.implicit)
    try:
        value = loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
    except (yaml.YAMLError, ValueError):
        value = f"{tag} {event.value}"
    start, last = event.start_mark.index, event.end_mark.index
    end = start + len(text[start:last].rstrip(LINE_BREAKS + " \t")) if event.style in ("|", ">") else last
    return Node("scalar", start, end, value, last=last)


def children_of(loader: Any, text: str, anchors: dict[str, Node], *, is_mapping: bool) -> tuple[Child, ...]:
    """What stands in a mapping, or a list, up to its end."""
    import yaml

    found, closing = list[Child](), (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    while not loader.check_event(*closing):
        first = node(loader, text, anchors)
        value = node(loader, text, anchors) if is_mapping else first
        # NOTE: only a text is a key of ours; what else YAML takes for a key is told apart by its kind.
        key = first.value if isinstance(first.value, str) else f"{type(first.value).__name__} {first.value!r}"
        found.append(Child(key if is_mapping else "", first.start, value))
    return tuple(found)


def collection(text: str, event: Any, closing: Any, children: tuple[Child, ...]) -> Node:
    """A mapping or a list. Of a block PyYAML's end is that of the comments behind it: its last child's is meant."""
    import yaml

    is_block, end = bool(children) and not event.flow_style, closing.end_mark.index
    first = opening = event.end_mark.index
    if is_block and text[first : first + 1] != "-" and isinstance(event, yaml.SequenceStartEvent):
        opening = first - 1  # NOTE: of a list at its key's own indentation PyYAML tells the end of its dash
    column = opening - line_start(text, opening) if is_block else 0
    start, last = opening if is_block else event.start_mark.index, children[-1].node.last if is_block else end
    end = children[-1].node.end if is_block else end
    if isinstance(event, yaml.MappingStartEvent):
        return Node("mapping", start, end, mapping_of(children), children, is_block, column, last)
    return Node("list", start, end, [one.node.value for one in children], children, is_block, column, last)


def plain(text: str) -> Any:
    """What the text says; MISSING if nothing. Raises BrokenError."""
    root = tree(text)
    return MISSING if root is None else root.value


def text_at(text: str, steps: Steps) -> str:
    """The text of the value there, which exists; with its indentation if it begins a line."""
    here = found(text, steps)
    return text[begin(text, here) : here.end]


def put_text(text: str, steps: Steps, former: str) -> str:
    """The text with this text as the value there, which exists."""
    here = found(text, steps)
    before = text[: begin(text, here)]
    return (before if former else before.rstrip(" ")) + former + text[here.end :]


def begin(text: str, here: Node) -> int:
    """Where a value begins; with its indentation if it begins a line."""
    first = line_start(text, here.start)
    return here.start if text[first : here.start].strip(" ") else first


def put(text: str, steps: Steps, new: Any) -> str:
    """The text with this value there, changed or added; what it is added to exists."""
    root = tree(text)
    if root is None:
        gap = "" if text == "" or text.endswith(("\n", "\r")) else newline_of(text)
        return text + gap + written(text, new, 0)
    here = node_at(root, steps)
    if here:
        return replaced(text, here, found(text, steps[:-1]), new)
    parent, key = found(text, steps[:-1]), steps[-1]
    if not parent.block:
        entry = f"{inline(key)}: {inline(new)}" if isinstance(key, str) else inline(new)
        return put_in(text, parent, entry, HASHES, None)
    entry = written(text, {key: new} if isinstance(key, str) else [new], parent.column)
    at = end_of_lines(text, parent.last)
    if at and text[at - 1] not in LINE_BREAKS:  # the last line, which does not end
        return text[:at] + newline_of(text) + entry.rstrip(LINE_BREAKS)
    return text[:at] + entry + text[at:]


def replaced(text: str, here: Node, parent: Node, new: Any) -> str:
    """The text with another value in place of one."""
    start = begin(text, here)
    gap = " " if here.start == here.end else ""  # nothing stands behind its colon
    if start < here.start or here.block:  # on lines of its own, a list perhaps no further in than its key
        gap = " " * max(here.start - start, parent.column + 2) if start == line_start(text, start) else gap
    return text[:start] + gap + inline(new) + text[here.end :]


def end_of_lines(text: str, last: int) -> int:
    """Where the lines end that a value takes. last: its end; of a block of text that is already behind them."""
    return last if last and text[last - 1] in LINE_BREAKS else line_end(text, last)


def inline(new: Any) -> str:
    """A value on one line: JSON is YAML."""
    return json.dumps(new, ensure_ascii=False)


def written(text: str, new: Any, column: int) -> str:
    """A value on lines of its own, which begin at a column."""
    import yaml

    dumped = str(yaml.safe_dump(new, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**6))
    return "".join(" " * column + line + newline_of(text) for line in dumped.removesuffix("\n").split("\n"))


def without(text: str, steps: Steps) -> str:
    """The text without what stands there, which exists."""
    parent = found(text, steps[:-1])
    place = child_at(parent, steps[-1])
    assert place is not None, "only what exists is taken out"
    if not parent.block:
        return taken_out(text, parent, place, HASHES)
    if len(parent.children) == 1:  # a block cannot be empty
        return text[: parent.start] + ("{}" if parent.kind == "mapping" else "[]") + text[parent.end :]
    start = sign_before(text, parent, place)
    if text[line_start(text, start) : start].strip(" "):  # the first one, behind a dash: the next one takes its place
        return text[:start] + text[sign_before(text, parent, place + 1) :]
    return text[: line_start(text, start)] + text[end_of_lines(text, parent.children[place].node.last) :]


def sign_before(text: str, parent: Node, place: int) -> int:
    """Where a child of a block begins: at its dash or question mark, if it has one."""
    at = parent.children[place].start
    lowest = parent.children[place - 1].node.end if place else parent.start
    while at > lowest and at - line_start(text, at) != parent.column:
        at = at - 1 if at > line_start(text, at) + parent.column else line_start(text, at - 1) + parent.column
    return at


def found(text: str, steps: Steps) -> Node:
    """The node there. Raises BrokenError if there is none."""
    return node_there(tree(text), steps)
