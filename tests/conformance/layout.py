"""What parsing JSON throws away: white space, how characters and numbers are spelled, keys that come twice."""

import json
import re

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s\[\]{}:,"]+|[\[\]{}:,]|\s+', re.S)
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.S)
INDENT = "    "


def parse(text):
    """The value; fractions as "<float …>" the way they are spelled, and a repeated key told instead of lost."""
    def pairs(found):
        value = {}
        for key, each in found:
            if key in value:
                key += " (again)"
            value[key] = each
        return value

    return json.loads(text, parse_float=lambda spelled: f"<float {spelled}>", object_pairs_hook=pairs)


def layout(text):
    """In words how a JSON text is laid out: compact, indented as Consul's ?pretty is, or its own skeleton."""
    tokens = TOKEN.findall(text)
    if "".join(tokens) != text:
        return "not tokens of JSON"
    body = text.rstrip("\n")
    kinds = [short(token) for token in TOKEN.findall(body)]
    bare = [token for token in kinds if not token.isspace()]
    if kinds == bare:
        said = "compact"
    elif "".join(kinds) == indented(bare):
        said = "indented"
    else:
        said = "odd " + json.dumps("".join(kinds))
    said += ", newline" * (len(text) - len(body))
    escapes = sorted({each for token in tokens if token[0] == '"' for each in ESCAPE.findall(token)})
    return said + (f", escapes {' '.join(escapes)}" if escapes else "")


def short(token):
    if token[0] == '"':
        return "s"
    return token if token.isspace() or token in "[]{}:," else "v"


def indented(tokens):
    """The tokens as json.MarshalIndent of Go sets them."""
    out, depth = [], 0
    for at, token in enumerate(tokens):
        if token in "[{":
            depth += 1
            empty = at + 1 < len(tokens) and tokens[at + 1] in "]}"
            out.append(token if empty else token + "\n" + INDENT * depth)
        elif token in "]}":
            depth -= 1
            empty = at > 0 and tokens[at - 1] in "[{"
            out.append(token if empty else "\n" + INDENT * depth + token)
        elif token == ",":
            out.append(",\n" + INDENT * depth)
        else:
            out.append(": " if token == ":" else token)
    return "".join(out)
