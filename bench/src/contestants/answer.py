"""The counterpart of answer.mjs."""
import json
import sys


def answer(handlers):
    """Answers each line of stdin, `{id, op, ...}`, by a line `{id, value}` or `{id, error}`, until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            reply = {"id": asked["id"], "value": handlers[asked["op"]](asked)}
        except Exception as error:  # The message is for people: it names what is missing.
            reply = {"id": asked["id"], "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
