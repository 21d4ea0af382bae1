"""/v1/event: user events, fired and listed."""

from steps import case, delete, get, put

LTIME = {"kinds": {"LTime": "number", "*.LTime": "positive"}}  # each new leader's event counts, too


def fire(path, body=None, **options):
    return put("/v1/event/fire/" + path, body, **LTIME, **options)


def listed(query="", **options):
    return get("/v1/event/list" + query, rank_slack=9, **LTIME, **options)  # the index is a hash of an id: its rank is chance


cases = [
    case("none at first", listed(), listed("?name=x"), listed("?pretty"), put("/v1/event/list"), delete("/v1/event/list")),
    case("fired and listed", fire("deploy", "v1"), listed("?name=deploy", until="deploy"), fire("deploy"), listed("?name=deploy", until="deploy.*deploy"),
         fire("other", "<b>&</b>"), listed("?name=other", until="other"), listed("?name=none"), listed("?name="), listed("?name=deploy&pretty"), fire("pretty?pretty", "x"),
         listed("?name=pretty", until='"pretty"')),
    case("for whom", put("/v1/agent/service/register", {"Name": "web", "Tags": ["v1"]}), get("/v1/agent/services", until="web"), fire("all?node=.*&service=web&tag=v1"),
         listed("?name=all", until='"all"'), fire("here?node=^conf$"), listed("?name=here", until='"here"'), fire("elsewhere?node=^nobody$"), fire("noservice?service=none"),
         fire("seen", "x"), listed("?name=seen", until="seen"), listed("?name=elsewhere"), listed("?name=noservice"), listed("?service=web&name=all"), listed("?node=x&name=all"),
         put("/v1/agent/service/deregister/web")),
    case("what is refused", fire(""), fire("a?node=["), fire("a?service=("), fire("a?tag=x"), fire("a?tag=*"), fire("a?service=x&tag=*"), fire("a?dc=nowhere"), get("/v1/event/fire/a"),
         fire("big", "x" * 400), fire("big", "x" * 600), fire("n" * 600), fire("a/b", "x"), fire("a%20b", "x"), listed("?name=a/b", until="a/b")),
    case("waiting", fire("wait", "1"), listed("?name=wait", until="wait", capture={"at": "header:X-Consul-Index"}), listed("?name=wait&index=<<at>>&wait=1s", took=(950, 1600)),
         listed("?name=wait&index=x"), listed("?name=wait&wait=x"), listed("?name=wait&index=1&wait=5s", took=(0, 400))),
]
