#include "actors/rpc/core/yamux.hpp"
#include "runtime/base/prng.hpp"
#include "tests/support/hex.hpp"
#include <doctest/doctest.h>
#include <map>

using namespace actord;
using namespace actord::rpc;
using test::from_hex, test::to_hex;
using namespace std::chrono_literals;

namespace {

using kind = yamux_event::kind;

std::string drained(yamux& y) {
  std::string out;
  y.drain(out, 1 << 30);
  return out;
}

std::string list(const std::vector<yamux_event>& events) {
  std::string out;
  for (auto& e : events) {
    if (!out.empty()) out += ' ';
    switch (e.what) {
    case kind::opened: out += "open:" + std::to_string(e.stream); break;
    case kind::bytes: out += std::to_string(e.stream) + "=" + e.bytes; break;
    case kind::finished: out += "fin:" + std::to_string(e.stream); break;
    case kind::reset: out += "rst:" + std::to_string(e.stream); break;
    case kind::pong: out += "pong:" + std::to_string(e.stream); break;
    case kind::away: out += "away"; break;
    case kind::ended: out += "end"; break;
    }
  }
  return out;
}

std::string fed(yamux& y, std::string_view digits) {
  y.feed(from_hex(digits), 1s);
  return list(y.take_events());
}

} // namespace

TEST_CASE("a server acknowledges a stream, takes its bytes and answers, as captured") {
  yamux server;
  CHECK(fed(server, "000100010000000100000000" "000000000000000100000003" "616263") == "open:1 1=abc");
  CHECK(to_hex(drained(server)) == "000100020000000100000000");
  CHECK(server.send(1, "xyz"));
  CHECK(to_hex(drained(server)) == "000000000000000100000003" "78797a");
  CHECK(fed(server, "000100040000000100000000") == "fin:1");
  server.finish(1);
  CHECK(to_hex(drained(server)) == "000100040000000100000000");
  CHECK(server.streams() == 0);
}

TEST_CASE("a client opens odd streams one after another") {
  yamux client({.client = true});
  CHECK(client.open() == 1);
  CHECK(client.open() == 3);
  CHECK(to_hex(drained(client)) == "000100010000000100000000" "000100010000000300000000");
}

TEST_CASE("a stream may be opened by a data frame, which may also end it") {
  yamux server;
  CHECK(fed(server, "000000050000000500000002" "6869") == "open:5 5=hi fin:5");
}

TEST_CASE("the end of our side goes out with the last bytes") {
  yamux server;
  fed(server, "000100010000000100000000");
  drained(server);
  server.send(1, "bye");
  server.finish(1);
  CHECK(!server.send(1, "more"));
  CHECK(to_hex(drained(server)) == "000000040000000100000003" "627965");
}

TEST_CASE("a ping is answered with its value, and an answer to ours is told") {
  yamux server;
  fed(server, "00020001000000000000004d");
  CHECK(to_hex(drained(server)) == "00020002000000000000004d");
  server.ping(9);
  CHECK(to_hex(drained(server)) == "000200010000000000000009");
  CHECK(fed(server, "000200020000000000000009") == "pong:9");
}

TEST_CASE("a reset stream is gone and what still comes for it is dropped") {
  yamux server;
  fed(server, "000100010000000100000000");
  server.send(1, "unsent");
  CHECK(fed(server, "000100080000000100000000") == "rst:1");
  CHECK(server.queued() == 0);
  CHECK(fed(server, "000000000000000100000003" "616263" "000100010000000300000000") == "open:3");
  server.reset(3);
  drained(server);
  CHECK(fed(server, "000000000000000300000003" "616263") == "");
}

TEST_CASE("no more is sent than the other side's window, and the rest when it opens") {
  yamux server;
  fed(server, "000100010000000100000000");
  drained(server);
  server.send(1, std::string(300000, 'x'));
  auto first = drained(server);
  CHECK(first.size() == 262144 + 4 * 12);
  CHECK(server.stalled(1));
  CHECK(server.queued() == 300000 - 262144);
  CHECK(!server.has_output());
  fed(server, "000100000000000100000005");
  CHECK(drained(server).size() == 12 + 5);
  fed(server, "000100000000000100040000");
  CHECK(drained(server).size() == 12 + 300000 - 262144 - 5);
  CHECK(server.queued() == 0);
}

TEST_CASE("our window opens again when half of it was consumed, not before") {
  yamux server;
  fed(server, "000100010000000100000000");
  drained(server);
  std::string body(131072, 'x');
  server.feed(from_hex("000000000000000100020000") + body, 1s);
  server.consumed(1, 131071);
  CHECK(drained(server).empty());
  server.consumed(1, 1);
  CHECK(to_hex(drained(server)) == "000100000000000100020000");
}

TEST_CASE("more than the window ends the session, and the other side is told why") {
  yamux server;
  fed(server, "000100010000000100000000");
  drained(server);
  CHECK(fed(server, "000000000000000100040001") == "end");
  CHECK(to_hex(drained(server)) == "000300000000000000000001");
  CHECK(server.ended());
}

TEST_CASE("a frame of another version or type ends the session") {
  yamux a, b;
  CHECK(fed(a, "010000000000000000000000") == "end");
  CHECK(fed(b, "000400000000000000000000") == "end");
}

TEST_CASE("a stream that is opened twice ends the session") {
  yamux server;
  CHECK(fed(server, "000100010000000100000000" "000100010000000100000000") == "open:1 end");
  CHECK(to_hex(drained(server)) == "000100020000000100000000" "000300000000000000000001");
}

TEST_CASE("streams beyond the limit are reset") {
  yamux server({.max_streams = 1});
  CHECK(fed(server, "000100010000000100000000" "000100010000000300000000") == "open:1");
  CHECK(to_hex(drained(server)) == "000100020000000100000000" "000100080000000300000000");
}

TEST_CASE("a server resets streams that it has finished when the client does not, and no others") {
  yamux server;
  server.tick(1s);
  CHECK(fed(server, "000100010000000100000000" "000100010000000300000000" "000100010000000500000000") == "open:1 open:3 open:5");
  server.finish(1);
  CHECK(server.send(3, "xyz"));
  server.finish(3);
  CHECK(fed(server, "000100040000000300000000") == "fin:3");
  (void)drained(server);
  CHECK(server.streams() == 2); // what is sent on the third is still to come
  server.tick(30s);
  CHECK(fed(server, "000100010000000700000000") == "open:7");
  server.finish(7);
  (void)drained(server);
  server.tick(62s);
  const auto out = to_hex(drained(server));
  CHECK(out.find("000100080000000100000000") != out.npos);
  CHECK(out.find("0001000800000005") == out.npos);
  CHECK(server.streams() == 2);
  server.tick(93s);
  CHECK(to_hex(drained(server)).find("000100080000000700000000") != std::string::npos);
  CHECK(server.has(5));
  CHECK(server.streams() == 1);
}

TEST_CASE("at most a backlog of streams waits for the other side's acknowledgement") {
  yamux client({.client = true});
  for (int i = 0; i < 256; ++i) CHECK(client.open() != 0);
  CHECK(client.open() == 0);
  fed(client, "000100020000000100000000");
  CHECK(client.open() == 513);
}

TEST_CASE("who goes away opens nothing and accepts nothing, but finishes what is open") {
  yamux server;
  fed(server, "000100010000000100000000");
  server.go_away(away_code::normal);
  CHECK(fed(server, "000100010000000300000000") == "");
  CHECK(server.send(1, "still"));
  CHECK(server.open() == 0);
  CHECK(!server.ended());
  yamux client({.client = true});
  CHECK(fed(client, "000300000000000000000000") == "away");
  CHECK(client.open() == 0);
  CHECK(fed(client, "000300000000000000000002") == "end");
}

TEST_CASE("streams take turns, so that a small answer passes a big one") {
  yamux server;
  fed(server, "000100010000000100000000" "000100010000000300000000");
  drained(server);
  server.send(1, std::string(200000, 'x'));
  server.send(3, "small");
  std::string out;
  server.drain(out, 1);
  CHECK(out.size() == 12 + 65536);
  out.clear();
  server.drain(out, 1);
  CHECK(out == from_hex("000000000000000300000005") + "small");
}

TEST_CASE("a side that says nothing for thirty seconds is asked, and given up ten seconds later") {
  yamux y;
  y.tick(100s);
  for (auto t = 101s; t < 130s; t += 1s) y.tick(t);
  CHECK(drained(y).empty());
  y.tick(130s);
  CHECK(to_hex(drained(y)) == "000200010000000040000001");
  SUBCASE("no answer") {
    for (auto t = 131s; t < 140s; t += 1s) y.tick(t);
    CHECK(!y.ended());
    y.tick(140s);
    CHECK(y.ended());
  }
  SUBCASE("an answer") {
    y.feed(from_hex("000200020000000040000001"), 139s);
    CHECK(y.take_events().empty());
    for (auto t = 131s; t < 159s; t += 1s) y.tick(t);
    CHECK(!y.ended());
    CHECK(drained(y).empty());
    y.tick(160s);
    CHECK(to_hex(drained(y)) == "000200010000000040000002");
  }
  SUBCASE("it talks, but its answer is late") {
    for (auto t = 131s; t < 150s; t += 1s) {
      y.feed(from_hex("000100000000000700000000"), t);
      y.tick(t);
    }
    CHECK(!y.ended());
  }
  SUBCASE("it was we who did not listen") {
    y.tick(1000s);
    CHECK(!y.ended());
  }
}

TEST_CASE("answers to a side that does not read are bounded") {
  yamux server({.max_control = 1200});
  std::string pings;
  for (int i = 0; i < 101; ++i) pings += from_hex("000200010000000000000001");
  server.feed(pings, 1s);
  CHECK(server.ended());
  CHECK(drained(server).size() <= 1212);
}

// Two sessions and a line that cuts their bytes anywhere; every stream sends random bytes both ways and is held against
// what its sender remembers.
TEST_CASE("whatever is sent arrives whole and in order, however it is cut") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    prng random(seed);
    yamux ends[2] = {yamux({.client = true, .window = 4096, .frame = 1000}), yamux({.window = 4096, .frame = 1000})};
    std::string line[2]; // bytes on their way to ends[i]
    std::map<uint32_t, std::string> sent[2], got[2];
    std::map<uint32_t, size_t> unconsumed[2];
    std::map<uint32_t, int> finished[2];
    std::vector<uint32_t> open;
    auto carry = [&](int to) {
      ends[1 - to].drain(line[to], random.below(5000) + 1);
      const auto n = random.below(line[to].size() + 1);
      ends[to].feed(std::string_view(line[to]).substr(0, n), 1s);
      line[to].erase(0, n);
      for (auto& e : ends[to].take_events()) {
        if (e.what == kind::opened) open.push_back(e.stream);
        else if (e.what == kind::bytes) {
          got[to][e.stream] += e.bytes;
          unconsumed[to][e.stream] += e.bytes.size();
          CHECK(unconsumed[to][e.stream] <= 4096);
        } else if (e.what == kind::finished) ++finished[to][e.stream];
        else FAIL("unexpected event");
      }
    };
    auto consume = [&](int who) {
      for (auto& [stream, n] : unconsumed[who])
        if (random.below(2) == 0) ends[who].consumed(stream, std::exchange(n, 0));
    };
    for (int step = 0; step < 400; ++step) {
      if (step < 300 && random.below(10) == 0) ends[0].open();
      if (step < 300 && !open.empty()) {
        const int who = static_cast<int>(random.below(2));
        const auto stream = open[random.below(open.size())];
        std::string bytes(random.below(3000), static_cast<char>('a' + random.below(26)));
        if (ends[who].send(stream, bytes)) sent[who][stream] += bytes;
        if (random.below(20) == 0) ends[who].finish(stream);
      }
      carry(static_cast<int>(random.below(2)));
      consume(static_cast<int>(random.below(2)));
    }
    for (auto stream : open)
      for (auto& e : ends) e.finish(stream);
    for (int step = 0; step < 3000 && (ends[0].streams() > 0 || ends[1].streams() > 0); ++step) {
      carry(static_cast<int>(random.below(2)));
      for (int who : {0, 1}) consume(who);
    }
    REQUIRE(ends[0].streams() == 0);
    CHECK(ends[1].streams() == 0);
    CHECK(ends[0].queued() + ends[1].queued() == 0);
    for (int who : {0, 1})
      for (auto& [stream, bytes] : sent[who]) {
        CHECK(got[1 - who][stream] == bytes);
        CHECK(finished[1 - who][stream] == 1);
      }
  }
}
