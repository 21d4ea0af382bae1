"""Bytes on a connection: framing, pipelining, and what is not HTTP."""

from steps import case, raw

HOST = "Host: <<host>>\r\n"
LEADER = "GET /v1/status/leader HTTP/1.1\r\n" + HOST

cases = [
    case("keep-alive is the default of 1.1", raw(LEADER + "\r\n")),
    case("Connection: close is obeyed", raw(LEADER + "Connection: close\r\n\r\n")),
    case("1.0 closes", raw("GET /v1/status/leader HTTP/1.0\r\n\r\n")),
    case("1.0 with keep-alive stays", raw("GET /v1/status/leader HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")),
    case("three requests in one packet", raw((LEADER + "\r\n") * 3, answers=3)),
    case("pipelined, the last one closes", raw((LEADER + "\r\n") * 2 + LEADER + "Connection: close\r\n\r\n", answers=3)),
    case("pipelined writes and reads keep their order",
         raw("PUT /v1/kv/pipe HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\n\r\nabcGET /v1/kv/pipe?raw HTTP/1.1\r\n" + HOST + "\r\n"
             "DELETE /v1/kv/pipe HTTP/1.1\r\n" + HOST + "\r\nGET /v1/kv/pipe?raw HTTP/1.1\r\n" + HOST + "\r\n", answers=4)),
    case("a request byte by byte", raw(*["GET /v1/sta", "tus/lead", "er HT", "TP/1.1\r", "\nHost: x\r\n\r", "\n"])),
    case("a body in pieces", raw("PUT /v1/kv/pieces HTTP/1.1\r\n" + HOST + "Content-Length: 10\r\n\r\n01234", "56789",
                                 "GET /v1/kv/pieces?raw HTTP/1.1\r\n" + HOST + "\r\n", answers=2)),
    case("a chunked body", raw("PUT /v1/kv/chunked HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
                               "GET /v1/kv/chunked?raw HTTP/1.1\r\n" + HOST + "\r\n", answers=2)),
    case("a chunked body with trailers", raw("PUT /v1/kv/chunked2 HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                                             "3\r\nabc\r\n0\r\nX-T: v\r\n\r\nGET /v1/kv/chunked2?raw HTTP/1.1\r\n" + HOST + "\r\n", answers=2)),
    case("a bad chunk size", raw("PUT /v1/kv/chunked3 HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", prefix=5)),
    case("an expected continue", raw("PUT /v1/kv/expect HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", "abc", answers=2)),
    case("another expectation", raw("PUT /v1/kv/expect HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nExpect: odd\r\n\r\nabc")),
    case("no Host in 1.1", raw("GET /v1/status/leader HTTP/1.1\r\n\r\n")),
    case("two Hosts", raw("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")),
    case("not HTTP", raw("hello\r\n\r\n"), raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n")),
    case("another version", raw("GET /v1/status/leader HTTP/2.0\r\n" + HOST + "\r\n"), raw("GET /v1/status/leader HTTP/9.9\r\n" + HOST + "\r\n"),
         raw("GET /v1/status/leader\r\n\r\n"), raw("GET  /v1/status/leader HTTP/1.1\r\n" + HOST + "\r\n")),
    case("an odd method", raw("FOO /v1/status/leader HTTP/1.1\r\n" + HOST + "\r\n"), raw("G(T /v1/status/leader HTTP/1.1\r\n" + HOST + "\r\n")),
    case("a bad header", raw("GET /v1/status/leader HTTP/1.1\r\n" + HOST + "No colon\r\n\r\n"),
         raw("GET /v1/status/leader HTTP/1.1\r\n" + HOST + "Bad name: x\r\n\r\n")),
    case("a bad length", raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Content-Length: abc\r\n\r\n"),
         raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n\r\n"),
         raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
         raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")),
    case("an odd transfer encoding", raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip\r\n\r\n", prefix=60)),
    case("headers that are large but allowed", raw(LEADER + "X-Large: " + "y" * 60000 + "\r\n\r\n")),
    case("headers that are too large", raw(LEADER + "X-Large: " + "y" * 1200000 + "\r\n\r\n", wait=3.0)),
    case("an absolute URL", raw("GET http://x/v1/status/leader HTTP/1.1\r\n" + HOST + "\r\n")),
    case("line feeds alone", raw("GET /v1/status/leader HTTP/1.1\nHost: x\n\n")),
    case("a length that is too large is refused before the body", raw("PUT /v1/kv/x HTTP/1.1\r\n" + HOST + "Content-Length: 600000\r\n\r\n")),
    case("a body on a GET is taken off the connection", raw("GET /v1/status/leader HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\n\r\nabc" + LEADER + "\r\n", answers=2)),
]
