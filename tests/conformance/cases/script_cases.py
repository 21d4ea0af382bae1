"""Script checks, which the configuration must allow."""

from steps import case, get, put

hcl = "enable_script_checks = true"


def script(name, text, until, **fields):
    return case(name, put("/v1/agent/check/register", {"Name": "s", "Args": ["/bin/sh", "-c", text], "Interval": "1s", **fields}),
                get("/v1/agent/checks", until=until), put("/v1/agent/check/deregister/s"))


cases = [
    script("exit 0 is passing", "echo fine; exit 0", "fine"),
    script("exit 1 is a warning", "echo careful; exit 1", "careful"),
    script("another exit is critical", "echo dead >&2; exit 7", "dead"),
    script("output is cut", "i=0; while [ $i -lt 600 ]; do echo 0123456789; i=$((i+1)); done", "0123456789"),
    script("output is cut at a size of its own", "printf 'abcdefghijklmnop'", "nop", OutputMaxSize=5),
    script("a time-out kills", "sleep 30", "Timed out", Timeout="1s"),
    script("an absent command", "exec /nonexistent/command", "exec|not found"),
    case("thresholds", put("/v1/agent/check/register", {"Name": "t", "Args": ["/bin/true"], "Interval": "1s", "SuccessBeforePassing": 2}),
         get("/v1/agent/checks", until='"passing"'), put("/v1/agent/check/deregister/t")),
]
